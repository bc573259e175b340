"""Arrow columns as texts, numbers or plain values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError

_TRUTH = {"true": "1", "false": "0"}
_NOTHING = ("", "na", "n/a", "nan", "null", "none", "?")


def as_values(column: Any) -> list[Any]:
    """Plain Python values, None where the cell is null."""
    values: list[Any] = column.to_pylist()
    return values


def as_labels(table: Any, name: str) -> list[Any]:
    """The cells of a label column; numbers of classes that the table's schema names (ClassLabel) are those names."""
    return with_class_names(as_values(table[name]), class_names(table, name))


def with_class_names(cells: list[Any], names: Sequence[str]) -> list[Any]:
    """Names in place of numbers, also in lists, where there are names; -1 means that there is no label: None.

    >>> with_class_names([1, -1, [0, 1]], ["ham", "spam"])
    ['spam', None, ['ham', 'spam']]
    """

    def named(cell: Any) -> Any:
        if isinstance(cell, list):
            return [named(one) for one in cell]
        there = isinstance(cell, int) and not isinstance(cell, bool) and -1 <= cell < len(names)
        return (None if cell == -1 else names[cell]) if there else cell

    return [named(cell) for cell in cells] if names else cells


def class_names(table: Any, name: str) -> list[str]:
    """What an Arrow table or a Hugging Face data set says about the classes of a column; none where it says nothing."""
    features = getattr(table, "features", None)
    try:
        if features is None:
            features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        about: Any = features[name]
        about = about[0] if isinstance(about, list) else about
        for key in ("feature", "names"):
            about = about.get(key, about) if isinstance(about, dict) else getattr(about, key, about)
        return [str(one) for one in about] if isinstance(about, list) else []
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return []


def as_texts(column: Any, name: str, where: str) -> list[str | None]:
    """Texts, None where the cell is null; raises ``DataError`` for lists, structures and bytes that are no text."""
    import pyarrow as pa

    try:
        texts: list[str | None] = column.cast(pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{where}: column {name!r} holds {column.type}, not texts") from error
    return texts


def as_numbers(column: Any) -> NDArray[np.floating[Any]] | None:
    """``(n,)`` numbers, or ``(n, width)`` from lists of one length; NaN where null, None where it is no number."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _from_lists(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
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
    return None if trimmed.null_count == len(trimmed) else _cast(_truth(trimmed))


def _truth(trimmed: Any) -> Any:
    """A column of ``true`` and ``false`` alone, in any case, as ``1`` and ``0``; any other as it is."""
    import pyarrow as pa
    from pyarrow import compute

    lower = compute.utf8_lower(trimmed)
    if not compute.all(compute.is_in(compute.drop_null(lower), value_set=pa.array(list(_TRUTH)))).as_py():
        return trimmed
    return compute.if_else(compute.equal(lower, "true"), _TRUTH["true"], _TRUTH["false"])


def without_gaps(column: Any) -> Any:
    """Trimmed texts, null where they say that there is nothing."""
    import pyarrow as pa
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(column)
    nothing = compute.is_in(compute.utf8_lower(trimmed), value_set=pa.array(_NOTHING))
    return compute.if_else(nothing, pa.scalar(None, pa.string()), trimmed)


def _cast(trimmed: Any) -> NDArray[np.float64] | None:
    """Numbers, NaN where null; None where a text is no number."""
    import pyarrow as pa

    try:
        numbers: NDArray[np.float64] = trimmed.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return numbers


def one_hot(table: Any) -> tuple[str, ...]:
    """The columns of a table that hold zeros and ones and add up to one in each row; none where there are not two."""
    columns = {name: as_numbers(table[name]) for name in table.column_names}
    flags = {name: one for name, one in columns.items() if one is not None and np.isin(one, (0, 1)).all()}
    return tuple(flags) if len(flags) > 1 and (np.stack(list(flags.values())).sum(axis=0) == 1).all() else ()


def no_number(column: Any) -> str:
    """The first cell that keeps a column from being numbers, and its row: one text is enough."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    cells = without_gaps(column) if texts else column
    if cells.null_count == len(cells):
        return "is empty"
    start, end = 0, len(cells)
    while texts and end - start > 1:
        middle = (start + end) // 2
        start, end = (middle, end) if _cast(cells.slice(start, middle - start)) is not None else (start, middle)
    row = start if texts else next(i for i in range(end) if cells[i].is_valid)
    return f"holds no numbers but, for example, {column[row].as_py()!r} (row {row + 1}, counted from 1)"


def _from_lists(column: Any) -> NDArray[np.floating[Any]] | None:
    import pyarrow as pa
    from pyarrow import compute

    widths = compute.unique(compute.list_value_length(column)).to_pylist()
    flat = compute.list_flatten(column)
    if len(widths) != 1 or not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        return None
    numbers: NDArray[np.floating[Any]] = flat.to_numpy()
    return numbers.reshape(len(column), widths[0]).astype(np.result_type(numbers, np.float32))


def first_cells(batch: Any) -> dict[str, Any]:
    """The first value that is not null, of each column."""
    columns = zip(batch.schema.names, batch.columns, strict=True)
    return {name: next((cell for cell in column.to_pylist() if cell is not None), None) for name, column in columns}
