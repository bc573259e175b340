"""``transferium inspect --augment``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.cli import options as opt
from transferium.cli.echo import echo

if TYPE_CHECKING:
    from transferium.training.preview import Contact

HELP = (
    "Draw examples as this recipe changes them, and leave the doctor out: light, simple, medium, strong, geometric, "
    "digits, trivial, rand, or single changes, as in crop+flip+erase; +no-flip where a mirror image is something else. "
    "Texts are printed: light, medium, strong, eda, or swap+delete+letters+span."
)
PICTURE = Path("augment.png")


def show(data: Path, options: dict[str, Any]) -> None:
    """Write a contact sheet, or print changed texts; raises ``InputError`` for a recipe there is not."""
    from transferium.data.read import read
    from transferium.errors import InputError
    from transferium.job.inspect import show_augmented
    from transferium.job.run_directory.contact_sheet import as_facts, check_picture, write_picture
    from transferium.system.extras import require_train
    from transferium.training.augment.recipe import LANGUAGES, check_recipe

    check_recipe(options["augment"])
    require_train("--augment")
    domain = read(data, **opt.only_separator(options))
    out: Path | None = options["out"]
    drawn = domain.kind in LANGUAGES and LANGUAGES[domain.kind].drawn
    if not drawn and out is not None:
        raise InputError(f"--out names a picture, and {domain.name!r} holds {domain.kind} examples: leave --out away.")
    if drawn:
        check_picture(out or PICTURE)
    contact = show_augmented(domain, options["backbone"], options["augment"])
    facts = as_facts(contact)
    if drawn:
        write_picture(contact, out or PICTURE)
        facts |= {"file": str(out or PICTURE), "ids": [example.id for example in contact.examples]}
    echo(json.dumps(facts, ensure_ascii=False) if options["as_json"] else _said(contact, facts))


def _said(contact: Contact, facts: dict[str, Any]) -> str:
    if contact.drawn:
        shape = f"{len(contact.examples)} images and {len(contact.examples[0].versions)} versions of each"
        return f"{contact.recipe}: {shape} drawn to {facts['file']}"
    lines = [f"{contact.recipe}:"]
    for text in facts["texts"]:
        lines += ["", f"  {text['original']}", *(f"→ {version}" for version in text["versions"])]
    return "\n".join(lines)
