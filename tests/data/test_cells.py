"""Columns that are nearly numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from transferium.data.read import read
from transferium.data.readers.cells import no_number
from transferium.errors import DataError


def test_the_cell_that_makes_a_column_text_is_named(tmp_path: Path) -> None:
    for row in (0, 1, 56, 99):
        cells = [f"{n}.5" for n in range(100)]
        cells[row], cells[60] = "abc", "NA"
        (tmp_path / "t.csv").write_text("\n".join(["a,b", *(f"{cell}, " for cell in cells)]))
        message = f"column 'a' holds no numbers but, for example, 'abc' (row {row + 1}, counted from 1)"
        with pytest.raises(DataError, match=re.escape(message)):
            read(tmp_path / "t.csv", features=["a"])
    with pytest.raises(DataError, match="column 'b' is empty"):
        read(tmp_path / "t.csv", features=["b"])


def test_a_column_of_other_things_names_its_first() -> None:
    column = pa.chunked_array([[None, "1", "x"]])
    assert no_number(column) == no_number(column.dictionary_encode())
    assert no_number(column) == "holds no numbers but, for example, 'x' (row 3, counted from 1)"
    assert (
        no_number(pa.chunked_array([[None, b"x"]])) == "holds no numbers but, for example, b'x' (row 2, counted from 1)"
    )
