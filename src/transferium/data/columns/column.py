"""A column of a table: its name, its type and its cells in the one form of that type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError, did_you_mean

ColumnType = Literal["number", "category", "boolean", "date", "text", "identifier"]
TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
CODED: tuple[ColumnType, ...] = ("category", "boolean", "text", "identifier")
"""The types whose cells are codes into ``levels``."""
USED: tuple[ColumnType, ...] = ("number", "category", "boolean", "date")
"""The types that something is learned from; the others are named and left out."""
PLURAL: dict[str, str] = {"number": "numbers", "category": "categories", "boolean": "truth values", "date": "dates"}
"""What several of the types in ``USED`` are called."""
UNUSED: dict[ColumnType, str] = {
    "identifier": "nearly every row has a value of its own, as a name has; to use it, say it is a number or a category",
    "text": "its cells are texts of several words; to learn from them too, say it is text",
}
"""Why nothing is learned from a column of these types."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column: ``values (n,)`` are float64 of numbers (NaN where missing), datetime64[s] of dates (NaT), else int32.

    The whole numbers of other types are codes into ``levels``, the different texts, and -1 where the cell is missing.
    ``note`` says how the cells were read where that is not plain, or why nothing is learned from them.
    """

    name: str
    type: ColumnType
    values: NDArray[Any]
    levels: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which cells are missing."""
        found: NDArray[np.bool_] = self.values < 0 if self.type in CODED else np.isnan(self.values)
        return found

    @property
    def constant(self) -> bool:
        """Whether all cells are the same, or all are missing: such a column tells nothing."""
        if not len(self.values):
            return True
        first = self.values[:1]
        return bool(((self.values == first) | (self.missing & self.missing[:1])).all())

    @property
    def used(self) -> tuple[str, ...]:
        """The levels that some cell has, in the order of ``levels``."""
        there = np.bincount(self.values[self.values >= 0], minlength=len(self.levels)) > 0
        return tuple(level for level, has in zip(self.levels, there.tolist(), strict=True) if has)

    def take(self, rows: Any) -> Column:
        """The cells at ``rows``."""
        return replace(self, values=self.values[rows])

    def cell(self, row: int) -> Any:
        """One cell as a plain value: a number, a text, or a date as ``2026-01-31``; None where it is missing."""
        value = self.values[row]
        if value < 0 if self.type in CODED else np.isnan(value):
            return None
        if self.type in CODED:
            return self.levels[int(value)]
        return float(value) if self.type == "number" else str(value)

    def facts(self, single: bool = False) -> NDArray[np.uint64]:
        """Each cell as a number that is equal where cells are, whatever file they came from; for content hashes.

        With ``single`` numbers count in single precision.
        """
        return self.facts_of(single)(slice(None))

    def facts_of(self, single: bool = False) -> Callable[[slice], NDArray[np.uint64]]:
        """:meth:`facts` of some rows at a time; levels are hashed once, for all of them."""
        if self.type in CODED:
            digests = [hashlib.sha256(level.encode("utf-8", "surrogatepass")).digest()[:8] for level in self.levels]
            table = np.frombuffer(b"\0" * 8 + b"".join(digests), np.uint64)
            return lambda rows: table[self.values[rows] + 1]
        if self.type == "date":
            return lambda rows: self.values[rows].astype(np.int64).view(np.uint64)
        return lambda rows: _facts_of_numbers(self.values[rows], single)


def _facts_of_numbers(values: NDArray[np.float64], single: bool) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        wide = values.astype(np.float32 if single else np.float64).astype(np.float64) + 0.0  # -0 is 0
    wide[np.isnan(wide)] = np.nan
    return wide.view(np.uint64)


def one_level_each(codes: NDArray[np.integer[Any]], names: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """``codes`` into ``names``, -1 where missing, as codes into the different ones of ``names``, and these.

    >>> one_level_each(np.array([2, 1, 0, -1]), ["yes", "no", "yes"])
    (array([ 0,  1,  0, -1], dtype=int32), ('yes', 'no'))
    """
    levels = tuple(dict.fromkeys(names))
    place = {level: code for code, level in enumerate(levels)}
    return np.array([*(place[name] for name in names), -1], np.int32)[codes], levels


def check_type(name: str, found: str, others: Sequence[str] = ()) -> ColumnType:
    """``found`` as a type of column; ``InputError``, which knows of ``others`` too, where there is no such type."""
    for known in TYPES:
        if found == known:
            return known
    raise InputError(
        f"{found!r} is no type of a column, and was given for {name!r}. {did_you_mean(found, (*TYPES, *others))}"
    )
