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


def both_columns(**named: str | Sequence[str] | None) -> dict[str, Any]:
    """The columns of examples that were named by their use, that of the second examples of pairs under ``other``.

    >>> both_columns(text=("question", "answer"), image=None)
    {'text': 'question', 'other': 'answer', 'image': None}
    """
    found: dict[str, str | None] = {}
    for use, names in named.items():
        found[use], other = _two_columns(use, names)
        if other is not None and found.setdefault("other", other) != other:
            raise InputError("pairs of two kinds of example were asked for at once: name two columns of one kind.")
    return found


def _two_columns(use: str, given: str | Sequence[str] | None) -> tuple[str | None, str | None]:
    """The columns of one example, or of both examples of a pair."""
    named = (given,) if given is None or isinstance(given, str) else tuple(given)
    if len(named) > 2 or not named or len(set(named)) < len(named):
        raise InputError(
            f"{option(use)} names one column of {use}s, or two different ones for pairs of {use}s; it was given "
            f"{', '.join(map(repr, named)) or 'none'}."
        )
    return named[0], named[1] if len(named) > 1 else None
