"""Parquet files, and one column of them as a lazy sequence: encoded images need not all be in memory."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

from transferium.data.readers.cells import first_cells
from transferium.data.readers.opening import opening
from transferium.system.checked_files import refuse_bomb

MEMORY = 512 * 2**20
"""Bytes of row groups kept: a smaller column is read once, a larger one never fills memory."""


class Parquet:
    """A Parquet file; only the columns asked for are read."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        with opening(path, "is no Parquet file"), parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _refuse_bomb(file.metadata, path)
            top = next(file.iter_batches(batch_size=50), None)
            self.first: dict[str, Any] = dict.fromkeys(names) if top is None else first_cells(top)

    def read(self, names: Sequence[str]) -> Any:
        from pyarrow import parquet

        with opening(self.path, "is a damaged Parquet file"):
            return parquet.read_table(self.path, columns=list(names))


def _refuse_bomb(about: Any, path: Path) -> None:
    """Raise ``OSError`` where a few bytes are said to hold very many: a repeated value takes no room in the file."""
    unpacked = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    refuse_bomb(max(unpacked, 8 * about.num_rows * about.num_columns), path.stat().st_size)


class RowGroups(Sequence[Any]):
    """The cells of ``column`` in ``paths``, one after another; the row groups used last are kept."""

    def __init__(self, paths: Sequence[Path], column: str, memory: int = MEMORY) -> None:
        from pyarrow import parquet

        self.paths, self.column, self.memory = paths, column, memory
        self._groups: list[tuple[Path, int]] = []
        rows: list[int] = []
        for path in paths:
            with opening(path, "is no Parquet file"):
                about = parquet.read_metadata(path)
            self._groups += [(path, group) for group in range(about.num_row_groups)]
            rows += [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self._starts = [0, *accumulate(rows)]
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        group = bisect_right(self._starts, at) - 1
        return self._cells(group)[at - self._starts[group]].as_py()

    def _cells(self, group: int) -> Any:
        """One row group, from memory or from the file; one thread reads while the others wait for it."""
        from pyarrow import parquet

        with self._lock:
            if group in self._kept:
                self._kept.move_to_end(group)
                return self._kept[group]
            path, number = self._groups[group]
            with opening(path, "is a damaged Parquet file"), parquet.ParquetFile(path) as file:
                cells = file.read_row_group(number, columns=[self.column]).column(0).combine_chunks()
            self._kept[group] = cells
            while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > self.memory:
                self._kept.popitem(last=False)
            return cells
