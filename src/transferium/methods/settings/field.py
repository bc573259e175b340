"""One hyper-parameter of a method: its default, range, help and legal values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any

KEPT = ("bounds", "choices")
"""What a setting keeps where a subclass only changes its default."""


def setting(
    default: Any,
    help: str,
    range: Any = None,
    bounds: Mapping[str, float] | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """A hyper-parameter with its search range, its help and what it may be (``checks.py``) beside its default.

    Texts to search among are all that is legal, unless ``choices`` names more; empty ``choices`` are any text.
    """
    legal = {"bounds": bounds, "choices": choices}
    given = {"range": range, "help": help} | {name: value for name, value in legal.items() if value is not None}
    return field(default=default, metadata=given)


def declared(cls: type) -> dict[str, dict[str, Any]]:
    """The metadata of each setting of a dataclass by its name; what a base says that it may be holds for subclasses."""
    found: dict[str, dict[str, Any]] = {}
    for base in reversed(cls.__mro__):
        for each in fields(base) if is_dataclass(base) else ():
            kept = {key: value for key, value in found.get(each.name, {}).items() if key in KEPT}
            found[each.name] = kept | dict(each.metadata)
            searched = each.metadata.get("range") or (None,)
            if all(isinstance(option, str) for option in searched):
                found[each.name] = {"choices": searched} | found[each.name]
    return found
