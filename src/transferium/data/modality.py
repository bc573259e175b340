"""The kinds of example that there are, and how a table with one row for each kind is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from transferium.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from transferium.data.domain import Kind

Row = TypeVar("Row")

KINDS: dict[Kind, str] = {
    "image": "images",
    "text": "texts",
    "sound": "sounds",
    "pair": "pairs of texts",
    "image_pair": "pairs of images",
    "sentence": "sentences",
    "scene": "scenes",
    "row": "table rows",
    "mixed": "mixed rows",
    "features": "feature rows",
}
"""Every kind of example, and what several of them are called."""


def check_kind(kind: object) -> None:
    """Raise ``InputError`` where there is no such kind of example."""
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is unknown. {did_you_mean(str(kind), KINDS)}")


def by_kind(table: Mapping[Kind, Row], kind: Kind, what: str) -> Row:
    """The row of ``table`` for one kind of example; raises ``InputError``, which names ``what`` there is no row of.

    >>> by_kind({"image": 1, "text": 2}, "features", "augmentation")
    Traceback (most recent call last):
    ...
    transferium.errors.InputError: there is no augmentation for feature rows, only for images and texts.
    """
    if kind not in table:
        able = " and ".join(KINDS.get(other, other) for other in table)
        raise InputError(f"there is no {what} for {KINDS.get(kind, kind)}, only for {able or 'nothing'}.")
    return table[kind]
