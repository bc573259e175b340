"""How one column becomes numbers that a model reads: fitted once, written as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import Column, ColumnType

LIMIT = 10.0
"""What no scaled number exceeds: further out they are pressed together, so that one wild cell decides nothing."""
NORMAL_IQR = 1.349
"""The distance of the quartiles of a normal distribution of standard deviation 1."""
RARE = 3
"""Levels of fewer training cells share one column: so little is learned of each of them."""
MOST_LEVELS = 100
"""The most levels of one column with a column of their own, the most frequent ones."""
DAY, YEAR = 86_400.0, 31_556_952.0
_TURNS = {"month": YEAR, "weekday": 7 * DAY, "hour": DAY}


class Code(Protocol):
    """A fitted column: ``write`` fills ``width`` columns ``(n, width)`` of float32, which come filled with zeros."""

    name: str
    type: ClassVar[ColumnType]

    @property
    def width(self) -> int: ...

    def write(self, column: Column, out: NDArray[np.float32]) -> None: ...

    def about(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class NumberCode:
    """``z = (x - center) / scale``, pressed to ``z / sqrt(1 + (z / LIMIT)^2)``; a missing cell is the median, 0.

    ``center`` is the median and ``scale`` the distance of the quartiles over that of a normal distribution of spread 1,
    or where half of the cells are equal, the median distance of the others from the median. With ``flag`` a second
    column is 1 where the cell is missing. Units of measurement do not change a result.
    """

    name: str
    center: float
    scale: float
    flag: bool = False
    type: ClassVar[ColumnType] = "number"

    @classmethod
    def fit(cls, column: Column) -> NumberCode | None:
        """The code of a column; None where all its finite cells are one number and none is missing."""
        values = column.values[np.isfinite(column.values)]
        flag = bool(column.missing.any())
        if not len(values):
            return None
        low, center, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        with np.errstate(over="ignore"):
            apart = np.abs(values - center)
        apart = apart[apart > 0]
        scale = (high - low) / NORMAL_IQR or (float(np.median(apart)) if len(apart) else 0.0)
        if not scale and not flag:
            return None
        return cls(column.name, center, scale if scale and math.isfinite(scale) else 1.0, flag)

    @property
    def width(self) -> int:
        return 1 + self.flag

    def write(self, column: Column, out: NDArray[np.float32]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            z = (column.values - self.center) / self.scale
            pressed = np.where(np.isinf(z), np.sign(z) * LIMIT, z / np.hypot(1.0, z / LIMIT))
        missing = column.missing
        out[:, 0] = np.where(missing, 0.0, pressed)
        if self.flag:
            out[:, 1] = missing

    def about(self) -> dict[str, Any]:
        return {"median": self.center, "spread": self.scale, "missing": self.flag}


@dataclass(frozen=True)
class CategoryCode:
    """One column for each of ``levels``, 1 where the cell is that one; then one for all others, one for missing cells.

    With ``others`` the levels of fewer than ``RARE`` training cells, those beyond the ``MOST_LEVELS`` most frequent and
    any that were never seen share a column; without it an unseen level is zero in every column.
    ``different`` counts the levels of the training part.
    """

    name: str
    levels: tuple[str, ...]
    different: int
    others: bool = False
    flag: bool = False
    type: ClassVar[ColumnType] = "category"

    @classmethod
    def fit(cls, column: Column) -> CategoryCode | None:
        """The code of a column; None where no cell has a value, all are one level, or all levels are rare."""
        codes = column.values[column.values >= 0]
        counts = np.bincount(codes, minlength=len(column.levels))
        different, flag = int((counts > 0).sum()), len(codes) < len(column)
        first = np.full(len(counts), len(codes))
        np.minimum.at(first, codes, np.arange(len(codes)))
        # The most frequent first, of equals the one that is met first: what levels are called does not count.
        order = np.lexsort((first, -counts))[:MOST_LEVELS]
        kept = [int(code) for code in order if counts[code] >= RARE]
        if not different or (not flag and (different == 1 or not kept)):
            return None
        levels = tuple(column.levels[code] for code in kept)
        return cls(column.name, levels, different, different > len(kept), flag)

    @property
    def width(self) -> int:
        return len(self.levels) + self.others + self.flag

    def write(self, column: Column, out: NDArray[np.float32]) -> None:
        place = {level: i for i, level in enumerate(self.levels)}
        other = len(self.levels) if self.others else -1
        missing = len(self.levels) + self.others if self.flag else -1
        table = np.array([*(place.get(level, other) for level in column.levels), missing], np.intp)
        at = table[column.values]
        rows = np.flatnonzero(at >= 0)
        out[rows, at[rows]] = 1.0

    def about(self) -> dict[str, Any]:
        return {"levels": self.different, "together": self.different - len(self.levels), "missing": self.flag}


@dataclass(frozen=True)
class BooleanCode(CategoryCode):
    """Truth values, as two levels."""

    type: ClassVar[ColumnType] = "boolean"


@dataclass(frozen=True)
class DateCode:
    """Elapsed time as a number, and the place in the year, the week and the day as sine and cosine.

    ``turns`` names those of ``month``, ``weekday`` and ``hour`` that differ in the training part.
    """

    name: str
    center: float
    scale: float
    turns: tuple[str, ...]
    flag: bool = False
    type: ClassVar[ColumnType] = "date"

    @classmethod
    def fit(cls, column: Column) -> DateCode | None:
        """The code of a column; None where all its dates are one."""
        elapsed = NumberCode.fit(_elapsed(column))
        if elapsed is None:
            return None
        seconds = _elapsed(column).values
        seconds = seconds[~np.isnan(seconds)]
        turns = [
            name
            for name, period in _TURNS.items()
            if name != "hour" or len(np.unique(seconds % DAY)) > 1
            if np.ptp(seconds) >= period / 2
        ]
        return cls(column.name, elapsed.center, elapsed.scale, tuple(turns), elapsed.flag)

    @property
    def width(self) -> int:
        return 1 + self.flag + 2 * len(self.turns)

    def write(self, column: Column, out: NDArray[np.float32]) -> None:
        elapsed = _elapsed(column)
        NumberCode(self.name, self.center, self.scale, self.flag).write(elapsed, out)
        there = ~column.missing
        for i, turn in enumerate(self.turns):
            angle = 2 * np.pi * (elapsed.values[there] % _TURNS[turn]) / _TURNS[turn]
            at = 1 + self.flag + 2 * i
            out[there, at], out[there, at + 1] = np.sin(angle), np.cos(angle)

    def about(self) -> dict[str, Any]:
        middle = str(np.datetime64(int(self.center), "s").astype("datetime64[D]"))
        return {"median": middle, "parts": list(self.turns), "missing": self.flag}


def _elapsed(column: Column) -> Column:
    """A column of dates as seconds since 1970, NaN where missing."""
    seconds = column.values.astype(np.int64).astype(np.float64)
    seconds[column.missing] = np.nan
    return Column(column.name, "number", seconds)


CODES: dict[ColumnType, Any] = {
    "number": NumberCode,
    "category": CategoryCode,
    "boolean": BooleanCode,
    "date": DateCode,
}
"""The code of each type that something is learned from."""


def code_to_json(code: Code) -> dict[str, Any]:
    """A fitted column as plain JSON."""
    return {"type": code.type} | vars(code)


def code_from_json(saved: Mapping[str, Any]) -> Code:
    """The inverse of :func:`code_to_json`; ``ValueError`` for what makes no sense."""
    made = CODES[saved["type"]]
    values = {name: tuple(one) if isinstance(one, list) else one for name, one in saved.items() if name != "type"}
    code: Code = made(**values)
    numbers = [one for one in values.values() if isinstance(one, float)]
    if not all(map(math.isfinite, numbers)) or getattr(code, "scale", 1.0) <= 0 or not isinstance(code.name, str):
        raise ValueError(f"the column {code.name!r} is encoded by {numbers}")
    texts = [*getattr(code, "levels", ()), *getattr(code, "turns", ())]
    if not {*getattr(code, "turns", ())} <= {*_TURNS} or not all(isinstance(one, str) for one in texts):
        raise ValueError(f"the column {code.name!r} has parts that are not known")
    return code
