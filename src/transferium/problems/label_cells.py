"""Cells of a label column: which are missing, and in which order names of classes stand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in the order they are numbered: by value where all are whole numbers, else as text.

    >>> sort_names(["10", "9"]), sort_names(["b10", "b9"])
    (('9', '10'), ('b10', 'b9'))
    """
    listed = sorted(names)
    return tuple(sorted(listed, key=int)) if all(_INTEGER.fullmatch(name) for name in listed) else tuple(listed)


def missing_rows(values: Sequence[Any]) -> list[int]:
    """The rows without a value: None, NaN, or nothing.

    >>> missing_rows(["a", "", None])
    [1, 2]
    """
    return [row for row, value in enumerate(values) if is_missing(value)]


def is_missing(value: Any) -> bool:
    if is_several(value):
        return False
    return value is None or value == "" or (isinstance(value, (float, np.floating)) and math.isnan(value))


def is_several(value: Any) -> bool:
    """Whether a cell holds several labels as a sequence rather than one value."""
    return isinstance(value, (list, tuple, set, frozenset, np.ndarray))


def as_number(value: Any) -> float | None:
    """The number that a cell holds, written out or not; None for everything else, truth values among it.

    >>> as_number("1.5"), as_number(2), as_number("two"), as_number(True)
    (1.5, 2.0, None, None)
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number, Decimal, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def missing_cells(what: str, rows: Sequence[int], total: int, where: str) -> str:
    """How many cells are missing, where, and what to do."""
    listed = ", ".join(str(row + 1) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    are, s, them, these = ("is", "", "it", "this row") if len(rows) == 1 else ("are", "s", "them", "these rows")
    return (
        f"{len(rows)} of {total} {what}s in {where} {are} missing (row{s} {listed}, counted from 1). "
        f"Fill {them} in, or leave {these} out."
    )
