"""The one place that decides what a column holds, alike for texts of CSV files, Parquet, JSON and data in memory."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import Column, ColumnType, one_level_each
from transferium.data.columns.dates import written_dates
from transferium.data.columns.gaps import is_text, without_gaps
from transferium.data.columns.numbers import as_numbers, cast, measured, number_share
from transferium.data.columns.written_numbers import written_numbers
from transferium.errors import DataError
from transferium.problems.label_cells import label_name

COUNTERS = ("", "Unnamed: 0", "__index_level_0__", "index")
"""Columns that only count rows: in a sorted table they would give the label away."""
ENOUGH = 20
"""Rows from which it shows that all cells of a column differ."""
DISTINCT = 0.95
"""The share of different cells from which texts without blanks name the rows."""
FEW = 20
"""A column with so few different texts is one of categories, numbers among them or not."""
MOSTLY = 0.9
"""The share of numbers from which the few other texts of a column are more likely mistakes than categories."""
WORDS = 4
"""Words in a text, on average, from which it is prose where most texts differ."""
_NAMED_ID = re.compile(r"(.*[_ -])?(id|uuid|guid|key)|.*[a-z]I[dD]", re.ASCII)
_PAIRS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
_YES = [yes for yes, _ in _PAIRS]
_CODE = re.compile(r"^[+-]?0\d")


def infer(name: str, cells: Any, said: ColumnType | None = None) -> Column:
    """The ``pyarrow.ChunkedArray`` ``cells`` as a column, of the type that was ``said`` or that it looks like.

    What is left undecided is a ``text``, from which nothing is learned, and its ``note`` says why. Raises
    ``DataError`` where cells are not of the type that was said.

    >>> import pyarrow as pa
    >>> infer("weight", pa.chunked_array([["12 kg", "7 kg", "?"]])).values
    array([12.,  7., nan])
    """
    import pyarrow as pa

    kind = cells.type
    if pa.types.is_dictionary(kind):
        plain = cells.cast(kind.value_type)
        return infer(name, plain, said or (None if is_text(kind.value_type) else "category"))
    if is_text(kind):
        return _of_texts(name, cells, said)
    if pa.types.is_null(kind):
        return _nothing(name, said or "number", len(cells))
    if pa.types.is_boolean(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return as_type(_plain(name, cells), said)
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        cells = cells.cast(pa.int64() if kind.bit_width > 32 else pa.int32(), safe=False)
    numbers = as_numbers(cells)
    if numbers is None or numbers.ndim > 1:
        return Column(name, "text", np.full(len(cells), -1, np.int32), (), f"holds {kind}, which is not read")
    return _of_numbers(name, numbers, said, bool(pa.types.is_integer(kind)))


def _plain(name: str, cells: Any) -> Column:
    """Truth values or moments, as their type in the file says."""
    import pyarrow as pa

    if pa.types.is_boolean(cells.type):
        codes = cells.cast(pa.int32()).fill_null(-1).to_numpy().astype(np.int32)
        return Column(name, "boolean", codes, ("false", "true"))
    return Column(name, "date", cells.cast(pa.timestamp("s"), safe=False).to_numpy().astype("datetime64[s]"))


def _of_numbers(name: str, numbers: NDArray[Any], said: ColumnType | None, whole: bool) -> Column:
    column = Column(name, "number", numbers.astype(np.float64, copy=False))
    if said is None and (name in COUNTERS or (whole and _names_rows(name, column.values))):
        return as_type(column, "identifier")
    return as_type(column, said)


def _names_rows(name: str, values: NDArray[np.float64]) -> bool:
    """Whether whole numbers are names of rows: they count up by one, or all differ and the column is called so."""
    if len(values) < ENOUGH or np.isnan(values).any():
        return False
    if (np.diff(values) == 1).all():
        return True
    return _NAMED_ID.fullmatch(name) is not None and len(np.unique(values)) == len(values)


def _of_texts(name: str, cells: Any, said: ColumnType | None) -> Column:
    """A column of texts; plain numbers, which are most, are seen without a look at each cell."""
    numbers = _written(cells, said)
    if numbers is None:
        cells = without_gaps(cells)
        numbers = _written(cells, said)
    if cells.null_count == len(cells):
        return _nothing(name, said or "number", len(cells))
    if numbers is not None:
        whole = bool(np.isfinite(numbers).all()) and bool((numbers % 1 == 0).all())
        return _of_numbers(name, numbers, said, whole)
    column = _coded(name, cells)
    return as_type(column, said) if said is not None else _understood(column, cells)


def _written(cells: Any, said: ColumnType | None) -> NDArray[Any] | None:
    """Texts as numbers, where every one is; codes such as ``007`` are none unless numbers were said."""
    from pyarrow import compute

    if said == "number":
        return as_numbers(cells)
    numbers = cast(cells) if said is None else None
    if numbers is None or compute.any(compute.match_substring_regex(cells, _CODE.pattern)).as_py():
        return None
    return numbers


def _understood(column: Column, trimmed: Any) -> Column:
    """Texts that are no plain numbers, as what they look like."""
    note = ""
    codes = any(map(_CODE.match, column.levels))
    for wanted in ("boolean", "date") if codes else ("boolean", "number", "date"):
        found, why = _read_as(column, wanted)
        if found is not None:
            return found
        note = note or why
    if len(column.levels) > FEW:
        note = note or _nearly_numbers(trimmed)
    return Column(column.name, "text", column.values, column.levels, note) if note else _kind_of_text(column)


def _nearly_numbers(trimmed: Any) -> str:
    share, odd, row = number_share(trimmed)
    if share < MOSTLY or not odd:
        return ""
    return f"holds numbers except for cells such as {odd!r} (row {row + 1}, counted from 1)"


def _kind_of_text(column: Column) -> Column:
    """Texts as categories, or as names of rows or prose where nearly all of them differ."""
    filled = int((column.values >= 0).sum())
    different = len(column.levels)
    if filled < ENOUGH or different <= 0.5 * filled:
        return column
    words = np.mean([len(level.split()) for level in column.levels])
    if words >= WORDS:
        return Column(column.name, "text", column.values, column.levels)
    if different >= DISTINCT * filled:
        return Column(column.name, "identifier" if words < 1.5 else "text", column.values, column.levels)
    return column


def as_type(column: Column, said: ColumnType | None) -> Column:
    """The same cells as a column of another type; raises ``DataError`` where one is not of that type."""
    if said is None or said == column.type:
        return column
    if column.missing.all():
        return _nothing(column.name, said, len(column))
    if said in ("category", "text", "identifier"):
        return _as_texts(column, said)
    if column.type == "number" and said == "boolean" and np.isin(column.values[~column.missing], (0, 1)).all():
        codes = np.where(column.missing, -1, column.values).astype(np.int32)
        return Column(column.name, "boolean", codes, ("false", "true"))
    if column.type == "boolean" and said == "number":
        return Column(column.name, "number", np.where(column.missing, np.nan, column.values.astype(np.float64)))
    found, why = _read_as(column, said)
    if found is None:
        row = _first_odd(column, said)
        cell = f"for example {column.cell(row)!r} (row {row + 1}, counted from 1)"
        raise DataError(
            f"column {column.name!r} is read as {said}, and not every cell is one, {why or cell}: mend or empty such "
            "cells, or say another type."
        )
    return found


def _as_texts(column: Column, said: ColumnType) -> Column:
    if column.levels:
        return Column(column.name, said, column.values, tuple(map(label_name, column.levels)))
    different, codes = np.unique(column.values[~column.missing], return_inverse=True)
    values = np.full(len(column), -1, np.int32)
    values[~column.missing] = codes
    plain = different.tolist() if column.type == "number" else [str(one) for one in different]
    return Column(column.name, said, values, tuple(map(label_name, plain)))


def _read_as(column: Column, wanted: str) -> tuple[Column | None, str]:
    """Texts as truth values, numbers or dates, and how they are written; None where one is none, and maybe why."""
    levels, how = list(column.levels), ""
    if not levels or column.type in ("number", "date"):
        return None, ""
    if wanted == "boolean":
        words = {level.lower() for level in levels}
        if not any(words <= {*pair} for pair in _PAIRS):
            return None, ""
        read = [level.lower() in _YES for level in levels]
        table = np.array([*map(int, read), -1], np.int32)
        return Column(column.name, "boolean", table[column.values], ("false", "true")), ""
    found: NDArray[Any] | None
    if wanted == "number":
        found, how = written_numbers(levels)
        if found is None and not how:
            found, how = measured(levels)
    else:
        found, how = written_dates(levels)
    if found is None:
        return None, how
    empty = np.array([np.nan if wanted == "number" else "NaT"], found.dtype)
    values = np.concatenate([found, empty])[column.values]
    return Column(column.name, "number" if wanted == "number" else "date", values, (), how), ""


def _first_odd(column: Column, said: str) -> int:
    """The first row whose cell alone is not of the type that was said."""
    for code, level in enumerate(column.levels):
        one = Column(column.name, "category", np.zeros(1, np.int32), (level,))
        if said == "number" and _plain_number(level):
            continue
        if _read_as(one, said)[0] is None:
            return int(np.argmax(column.values == code))
    return int(np.argmax(~column.missing))


def _plain_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True


def _coded(name: str, texts: Any) -> Column:
    """An Arrow column of texts as codes; spellings that have one form are one level."""
    found = texts.combine_chunks().dictionary_encode()
    indices = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes, levels = one_level_each(indices, [label_name(level) for level in found.dictionary.to_pylist()])
    return Column(name, "category", codes, levels)


def _nothing(name: str, type_: ColumnType, rows: int) -> Column:
    """A column of missing cells alone."""
    if type_ == "number":
        return Column(name, type_, np.full(rows, np.nan))
    return Column(
        name, type_, np.full(rows, "NaT", "datetime64[s]") if type_ == "date" else np.full(rows, -1, np.int32)
    )
