"""``transferium methods`` for a reader: a page of all, one in full, or those that a word finds."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import click

MORE = "transferium methods NAME says what one does, when to prefer it, and its settings; --search WORD finds a word."
Described = dict[str, Any]


def page(described: Sequence[Described]) -> str:
    """A line for each method, by family; on a narrow terminal it is cut, and … says so."""
    width = shutil.get_terminal_size((200, 24)).columns
    blocks = []
    for family, members in groupby(sorted(described, key=_family_order(described)), key=lambda m: m["family"]):
        blocks.append("\n".join([family, *(_line(m["name"], m["summary"], width) for m in members)]))
    return "\n\n".join(blocks)


def _family_order(described: Sequence[Described]) -> Any:
    """The families in the order in which their first methods come."""
    families = list(dict.fromkeys(m["family"] for m in described))
    return lambda m: families.index(m["family"])


def _line(name: str, text: str, width: int) -> str:
    line = f"  {name:<15} {text}"
    return line if len(line) <= width else f"{line[: width - 1]}…"


def in_full(method: Described) -> str:
    """All that there is to say of one method, its settings with their defaults as ``--set`` takes them."""
    width = min(shutil.get_terminal_size((110, 24)).columns, 110)
    lines = [f"{method['name']}: {method['summary']}"]
    if method["description"]:
        lines += ["", click.wrap_text(method["description"], width, preserve_paragraphs=True)]
    needs = f" Needs {' and '.join(method['needs'])}." if method["needs"] else ""
    lines += ["", f"Predicts {', '.join(method['problems'])}.{needs}"]
    if method["settings"]:
        lines += ["", "Settings and their defaults:", *(_setting(s) for s in method["settings"])]
    return "\n".join(lines)


def found(described: Sequence[Described], word: str) -> list[Described]:
    """The methods that say ``word`` in any case, each with those settings alone that do."""
    kept = []
    for method in described:
        own = [s for s in method["settings"] if _says(word, s["name"], s["help"])]
        if own or _says(word, method["name"], method["summary"], method["description"]):
            kept.append(method | {"settings": own})
    return kept


def findings(kept: Sequence[Described], word: str) -> str:
    """What a search found: the methods that say the word themselves, then the settings, each with its methods."""
    named = [m for m in kept if _says(word, m["name"], m["summary"], m["description"])]
    blocks = [page(named)] if named else []
    settings: dict[tuple[str, str], list[str]] = {}
    for method in kept:
        for setting in method["settings"]:
            settings.setdefault((setting["name"], _setting(setting)), []).append(method["name"])
    if settings:
        lines = [f"{line}\n{'':<37}of {', '.join(names)}" for (_, line), names in sorted(settings.items())]
        blocks.append("\n".join(["Settings:", *lines]))
    return "\n\n".join(blocks)


def _says(word: str, *texts: str) -> bool:
    return any(word.lower() in text.lower() for text in texts)


def _setting(setting: Described) -> str:
    text, choices = setting["help"], [str(choice) for choice in setting.get("choices") or ()]
    if choices and not all(choice in text for choice in choices):
        text += f" ({', '.join(choices)})"
    typed = f"{setting['name']}={_typed(setting['default'])}"
    given = f"  --set {shlex.quote(typed) if ' ' in typed else typed}"
    return f"{given:<36} {text}"


def _typed(value: Any) -> str:
    """A default as it would be typed after ``--set``."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(_typed, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
