"""What people write into label, part and group columns, as the numbers a domain holds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, did_you_mean

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a part may be called (lower case), and what it is called here."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


def encode_labels(values: Sequence[Any], where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Positions in the sorted class names, and those names; numbers sort by value, everything else as text.

    Raises ``DataError`` for missing labels (None, NaN, empty), naming the rows.

    >>> encode_labels([10, 9, 10], "y")
    (array([1, 0, 1]), ('9', '10'))
    """
    if missing := missing_rows(values):
        raise DataError(missing_cells("label", missing, len(values), where))
    distinct = set(values)
    whole = all(isinstance(v, (float, np.floating)) and math.isfinite(v) and v == int(v) for v in distinct)
    names = {value: str(int(value)) if whole else str(value) for value in distinct}
    classes = sort_names(set(names.values()))
    place = {name: i for i, name in enumerate(classes)}
    code = {value: place[name] for value, name in names.items()}
    return np.fromiter((code[value] for value in values), np.int64, len(values)), classes


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in the order they are numbered: by value where all are whole numbers, else as text.

    >>> sort_names(["10", "9"]), sort_names(["b10", "b9"])
    (('9', '10'), ('b10', 'b9'))
    """
    listed = sorted(names)
    return tuple(sorted(listed, key=int)) if all(_INTEGER.fullmatch(name) for name in listed) else tuple(listed)


def encode_parts(values: Sequence[Any], where: str) -> NDArray[np.str_]:
    """``"train"``, ``"val"`` or ``"test"`` for every row; raises ``DataError`` for any other word."""
    known = {value: PART_NAMES.get(str(value).strip().lower()) for value in set(values)}
    unknown = sorted(str(value) for value, part in known.items() if part is None)
    if unknown:
        raise DataError(
            f"{where} says {unknown[0]!r}, which is no part of a data set. {did_you_mean(unknown[0], PART_NAMES)}"
        )
    return np.array([known[value] for value in values], dtype=np.str_)


def encode_groups(values: Sequence[Any]) -> NDArray[np.int64]:
    """One number for each distinct value; a missing value is a group of its own."""
    seen: dict[Any, int] = {}
    codes = np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        codes[row] = seen.setdefault(("alone", row) if _is_missing(value) else value, len(seen))
    return codes


def missing_rows(values: Sequence[Any]) -> list[int]:
    """The rows without a value: None, NaN, or nothing.

    >>> missing_rows(["a", "", None])
    [1, 2]
    """
    return [row for row, value in enumerate(values) if _is_missing(value)]


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, (float, np.floating)) and math.isnan(value))


def missing_cells(what: str, rows: Sequence[int], total: int, where: str) -> str:
    """How many cells are missing, where, and what to do."""
    listed = ", ".join(str(row + 1) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    are, s, them, these = ("is", "", "it", "this row") if len(rows) == 1 else ("are", "s", "them", "these rows")
    return (
        f"{len(rows)} of {total} {what}s in {where} {are} missing (row{s} {listed}, counted from 1). "
        f"Fill {them} in, or leave {these} out."
    )
