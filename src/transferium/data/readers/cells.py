"""Arrow columns as texts or plain values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from transferium.data.columns.numbers import as_numbers
from transferium.errors import DataError


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


def one_hot(table: Any) -> tuple[str, ...]:
    """The columns of a table that hold zeros and ones and add up to one in each row; none where there are not two."""
    columns = {name: as_numbers(table[name]) for name in table.column_names}
    flags = {name: one for name, one in columns.items() if one is not None and np.isin(one, (0, 1)).all()}
    return tuple(flags) if len(flags) > 1 and (np.stack(list(flags.values())).sum(axis=0) == 1).all() else ()


def first_cells(batch: Any) -> dict[str, Any]:
    """The first value that is not null, of each column."""
    columns = zip(batch.schema.names, batch.columns, strict=True)
    return {name: next((cell for cell in column.to_pylist() if cell is not None), None) for name, column in columns}
