"""One self-contained page about an evaluation from every side: no network, no script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferium.errors import InputError
from transferium.report.gallery import Thumbnails
from transferium.report.sides.explained import explained
from transferium.report.sides.sections import sections
from transferium.system.write_atomically import write_atomically

ROOM = Path(__file__).parent.parent
TITLE = "Transferium evaluation"


def write_page_of_sides(sides: Mapping[str, Any], name: str, figures: str, path: Path, thumbnails: Thumbnails) -> None:
    """Write the page to ``path``, whole or not at all; ``figures`` says in words what the model came to.

    ``thumbnails(id)`` gives the content of an example, or None for nothing to show.
    """
    page = page_of_sides(sides, name, figures, thumbnails)
    try:
        write_atomically(path, page)
    except OSError as error:
        raise InputError(f"the page cannot be written to {path}: {error.strerror}. Name another file.") from error


def check_page(path: Path) -> None:
    """Raise ``InputError`` where a page in ``path`` would take the place of a folder or of another's file.

    An earlier page is replaced, and so is an empty file.
    """
    if path.is_dir():
        raise InputError(f"--report {path} is a folder; name a file in it, as in {path / 'sides.html'}.")
    if not path.exists():
        return
    with path.open("rb") as file:
        start = file.read(1000)
    if start and TITLE.encode() not in start:
        raise InputError(
            f"--report {path} holds something else than such a page; nothing was overwritten. Name another file, or "
            "remove this one."
        )


def page_of_sides(sides: Mapping[str, Any], name: str, figures: str, thumbnails: Thumbnails = lambda _id: None) -> str:
    """The page as text; every word is escaped by the template engine."""
    from jinja2 import Environment, FileSystemLoader

    engine = Environment(loader=FileSystemLoader(ROOM), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return engine.get_template("sides/page_of_sides.jinja").render(
        style=(ROOM / "page.css").read_text(encoding="utf-8"),
        name=name,
        kind_of_page=TITLE,
        figures=figures,
        sections=sections(sides),
        explained=explained(sides.get("why", {}), thumbnails),
        sampled=sides.get("sampled", ""),
    )
