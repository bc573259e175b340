"""Two texts that are one example, such as a question and an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from transferium.errors import DataError, InputError, option

SIDES = ("first", "second")


class TextPair(NamedTuple):
    """A text and the text beside it; order matters."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} ↔ {self.second}"


def as_pairs(pairs: Iterable[Any], where: str) -> list[TextPair]:
    """Pairs of cells as pairs of texts, nothing being an empty text; ``DataError`` for what is no pair of texts.

    >>> as_pairs([("Is it?", "Yes.")], "x")[0].second
    'Yes.'
    """
    found = []
    for row, cell in enumerate(pairs):
        if not isinstance(cell, (list, tuple)) or len(cell) != 2:
            raise DataError(
                f"{where} holds {cell!r:.60} in row {row + 1} (counted from 1): give two texts, as in (a, b)."
            )
        texts = ["" if one is None or one != one else one for one in cell]  # noqa: PLR0124  (NaN differs from itself)
        if odd := [one for one in texts if not isinstance(one, str)]:
            raise DataError(f"{where} holds {odd[0]!r:.60} in row {row + 1} (counted from 1): give two texts.")
        found.append(TextPair(*texts))
    return found


def two_columns(text: str | Sequence[str] | None) -> tuple[str | None, str | None]:
    """The columns of texts that were named: of one text, or of both texts of a pair."""
    named = (text,) if text is None or isinstance(text, str) else tuple(text)
    if len(named) > 2 or not named or len(set(named)) < len(named):
        raise InputError(
            f"{option('text')} names one column of texts, or two different ones for pairs of texts; it was given "
            f"{', '.join(map(repr, named)) or 'none'}."
        )
    return named[0], named[1] if len(named) > 1 else None
