"""Parquet files of many columns: they are read a few at a time, and what is kept of them grows with their number."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.read import read
from transferium.data.readers import table_files


def test_columns_are_read_a_few_at_a_time_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {f"f{i}": [float(i), i + 0.5, i + 0.25] for i in range(7)}
    parquet.write_table(pa.table(cells | {"y": ["a", "b", "a"]}), tmp_path / "t.parquet")
    real, asked = table_files._read_all, []
    monkeypatch.setattr(table_files, "AT_ONCE", 9)  # three columns of three rows
    monkeypatch.setattr(table_files, "_read_all", lambda tables, names: asked.append(names) or real(tables, names))
    domain = read(tmp_path / "t.parquet", label="y")
    assert asked == [["y"], ["f0", "f1", "f2"], ["f3", "f4", "f5"], ["f6"]]
    np.testing.assert_array_equal(domain.features, np.array(list(cells.values())).T)


def test_what_is_kept_of_names_grows_with_their_number() -> None:
    names = [f"f{i}" for i in range(3_000)]
    tracemalloc.start()
    kept = table_files.AFewColumns([], names, 50)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept is not None and size < 2**20
