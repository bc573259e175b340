"""Arrow columns as numbers: of any type that is one, of texts, and of texts with a unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.gaps import is_text, without_gaps
from transferium.data.columns.written_numbers import written_numbers

_TRUTH = {"true": "1", "false": "0"}
_MONEY = r"[$€£¥₹]|EUR|USD|GBP|CHF|JPY"
_MEASURED = re.compile(
    rf"(?P<before>{_MONEY})?\s*(?P<number>[+-]?[\d.,' ]*\d)\s*(?P<after>[^\W\d_][\w/²³.]{{0,7}}|[$€£¥₹°]\w?)?"
)


def as_numbers(column: Any) -> NDArray[np.floating[Any]] | None:
    """``(n,)`` numbers, or ``(n, width)`` from lists of one length; NaN where null, None where it is no number."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _from_lists(column)
    if is_text(kind):
        return _from_texts(column)
    if pa.types.is_null(kind):
        return None
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    wide = column if pa.types.is_float32(kind) else column.cast(pa.float64())
    numbers: NDArray[np.floating[Any]] = wide.to_numpy()
    return numbers


def _from_texts(column: Any) -> NDArray[np.floating[Any]] | None:
    """Numbers or truth values written as text, where every cell is one or is empty, and not all are empty."""
    trimmed = without_gaps(column)
    return None if trimmed.null_count == len(trimmed) else cast(_truth(trimmed))


def _truth(trimmed: Any) -> Any:
    """A column of ``true`` and ``false`` alone, in any case, as ``1`` and ``0``; any other as it is."""
    import pyarrow as pa
    from pyarrow import compute

    lower = compute.utf8_lower(trimmed)
    if not compute.all(compute.is_in(compute.drop_null(lower), value_set=pa.array(list(_TRUTH), lower.type))).as_py():
        return trimmed
    return compute.if_else(compute.equal(lower, "true"), _TRUTH["true"], _TRUTH["false"])


def cast(trimmed: Any) -> NDArray[np.float64] | None:
    """Numbers, NaN where null; None where a text is no number."""
    import pyarrow as pa

    try:
        numbers: NDArray[np.float64] = trimmed.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return numbers


def _from_lists(column: Any) -> NDArray[np.floating[Any]] | None:
    from pyarrow import compute, types

    widths = compute.unique(compute.list_value_length(column)).to_pylist()
    flat = compute.list_flatten(column)
    if len(widths) != 1 or not (types.is_floating(flat.type) or types.is_integer(flat.type)):
        return None
    numbers: NDArray[np.floating[Any]] = flat.to_numpy()
    return numbers.reshape(len(column), widths[0]).astype(np.result_type(numbers, np.float32))


UNIT = "the unit "
"""How a note on numbers with a unit begins."""


def unit_of(note: str) -> str:
    """The unit that the ``note`` of a column names, in quotes; empty where there is none.

    >>> unit_of("the unit 'kg' and a comma between thousands"), unit_of("a decimal comma")
    ("'kg'", '')
    """
    return note.removeprefix(UNIT).partition(" and ")[0] if note.startswith(UNIT) else ""


def measured(levels: Sequence[str]) -> tuple[NDArray[np.float64] | None, str]:
    """The numbers of texts such as ``12 kg`` or ``$1,200.50`` and how they are written; none where units differ.

    >>> measured(["12 kg", "7.5 kg"]), measured(["12 kg", "750 g"])[0]
    ((array([12. ,  7.5]), "the unit 'kg'"), None)
    """
    parts = [match for match in takewhile(bool, map(_MEASURED.fullmatch, levels)) if match]
    if len(parts) < len(levels) or not parts:
        return None, ""
    units = {(match["before"] or "", match["after"] or "") for match in parts}
    listed = sorted("".join(unit) for unit in units)
    if listed == [""]:
        return None, ""
    if len(units) > 1:
        said = ", ".join(map(repr, listed[:5]))
        return None, f"units differ: {said}: write them in one, or say what type it is"
    bodies = [match["number"] for match in parts]
    numbers, how = _plain(bodies), ""
    if numbers is None:
        numbers, how = written_numbers(bodies)
    if numbers is None:
        return None, how
    return numbers, f"{UNIT}{listed[0]!r}" + (f" and {how}" if how else "")


def _plain(bodies: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(body) for body in bodies])
    except ValueError:
        return None


def number_share(column: Any) -> tuple[float, str, int]:
    """The share of the filled cells of a text column that are numbers, the first that is none, and its row from 0."""
    import pyarrow as pa
    from pyarrow import compute

    number = compute.match_substring_regex(column, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    share = compute.mean(number.cast(pa.uint8())).as_py() or 0.0
    row = compute.index(number, False).as_py()
    return float(share), "" if row < 0 else column[row].as_py(), row
