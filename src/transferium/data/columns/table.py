"""A table: rows of typed columns, as the examples of a domain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import Column
from transferium.data.columns.infer import as_type
from transferium.errors import DataError, did_you_mean

BLOCK = 1 << 16
"""Rows that are hashed at a time."""


class Table:
    """Columns of one length; row ``i`` is example ``i``. Where an array had no names, ``named`` is False.

    >>> age = Column("age", "number", np.array([31.0, np.nan]))
    >>> sex = Column("sex", "category", np.array([0, 0]), ("f",))
    >>> table = Table([age, sex])
    >>> len(table), table.raw(1)
    (2, {'age': None, 'sex': 'f'})
    """

    def __init__(self, columns: Sequence[Column], *, named: bool = True, rows: int | None = None) -> None:
        self.columns, self.named = tuple(columns), named
        self.rows = len(columns[0]) if rows is None else rows
        self._place = {column.name: i for i, column in enumerate(self.columns)}
        if len(self._place) < len(self.columns):
            names = [column.name for column in columns]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"several columns of the table are called {twice!r}: give each a name of its own.")

    @classmethod
    def of_array(cls, values: NDArray[Any], names: Sequence[str] | None = None) -> Table:
        """The columns of an array ``(n, width)`` of numbers; without ``names`` they are known by their place."""
        called = [str(i) for i in range(values.shape[1])] if names is None else names
        wide = np.asfortranarray(values, np.float64)
        columns = [Column(name, "number", wide[:, i]) for i, name in enumerate(called)]
        return cls(columns, named=names is not None, rows=len(values))

    def __len__(self) -> int:
        return self.rows

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._place)

    @property
    def untyped(self) -> tuple[str, ...]:
        """The names of the columns beside ``columns``, whose cells are examples; a plain table has none."""
        return ()

    @property
    def width(self) -> int:
        """How many typed columns there are."""
        return len(self.columns)

    def __getitem__(self, name: str) -> Column:
        if name not in self._place:
            listed = ", ".join(map(repr, self.names[:20]))
            raise DataError(f"the table has no column {name!r}. {did_you_mean(name, self.names, f'It has {listed}.')}")
        return self.columns[self._place[name]]

    def __contains__(self, name: str) -> bool:
        return name in self._place

    def raw(self, index: int) -> dict[str, Any]:
        """One row, by the names of its columns; None for a missing cell."""
        return {column.name: column.cell(index) for column in self.columns}

    def take(self, indices: NDArray[np.intp]) -> Table:
        """The rows at ``indices``, in that order."""
        return Table([column.take(indices) for column in self.columns], named=self.named, rows=len(indices))

    def called(self, names: Sequence[str]) -> Table:
        """The same columns under other names."""
        columns = [replace(column, name=name) for column, name in zip(self.columns, names, strict=True)]
        return Table(columns, rows=self.rows)

    def select(self, names: Sequence[str]) -> Table:
        """The columns ``names``, in that order; raises ``DataError`` for one that is not there."""
        return Table([self[name] for name in names], named=self.named, rows=self.rows)

    def with_columns(self, columns: Sequence[Column]) -> Table:
        """The same rows with other typed columns."""
        return Table(columns, named=self.named, rows=self.rows)

    def join(self, others: Sequence[Table]) -> Table:
        """The rows of this table and then those of ``others``, which have the same columns of the same types."""
        tables = [self, *others]
        joined = [_join([table.columns[i] for table in tables]) for i in range(len(self.columns))]
        return Table(joined, named=self.named, rows=sum(map(len, tables)))

    def numbers(self) -> NDArray[np.float64]:
        """The table as an array ``(n, width)``; raises ``DataError`` where a column holds no numbers."""
        for column in self.columns:
            if column.type != "number":
                raise DataError(f"column {column.name!r} is a {column.type} and no number: the table is no array yet")
        empty = np.empty((self.rows, 0))
        return np.column_stack([column.values for column in self.columns]) if self.columns else empty

    def keys(self, *, single: bool = False, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """SHA-256 of each row's cells by the names of their columns; the order of columns does not count."""
        columns = sorted(self.columns, key=lambda column: column.name) if self.named else self.columns
        start = hashlib.sha256(repr([column.name for column in columns]).encode())
        facts_of = [column.facts_of(single) for column in columns]
        keys: list[str] = []
        for first in range(0, self.rows, BLOCK):
            rows = slice(first, min(first + BLOCK, self.rows))
            facts = np.empty((rows.stop - first, len(columns)), np.uint64)
            for i, of_rows in enumerate(facts_of):
                facts[:, i] = of_rows(rows)
            for row in facts:
                digest = start.copy()
                digest.update(row.tobytes())
                keys.append(digest.hexdigest())
            if progress is not None and len(keys) < self.rows:
                progress(len(keys), self.rows)
        return keys

    def whole(self, rows: NDArray[np.intp]) -> bool:
        """Whether all numbers of ``rows`` are whole: rows of these can be equal by chance."""
        found = [column.values[rows] for column in self.columns if column.type == "number"]
        with np.errstate(invalid="ignore"):
            return all(bool(((values % 1 == 0) | np.isnan(values)).all()) for values in found)


def _join(columns: Sequence[Column]) -> Column:
    """One column after another; of codes, over the levels of all."""
    first = next((column for column in columns if not column.missing.all()), columns[0])
    columns = [as_type(column, first.type) for column in columns]
    levels = tuple(dict.fromkeys(level for column in columns for level in column.levels))
    place = {level: i for i, level in enumerate(levels)}
    values = [
        np.array([*(place[level] for level in column.levels), -1], np.int32)[column.values] if levels else column.values
        for column in columns
    ]
    return Column(first.name, first.type, np.concatenate(values), levels, first.note)
