"""Files with one JSON object on each line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferium.data.readers.cells import first_cells
from transferium.data.readers.delimited import check_utf8
from transferium.errors import DataError


class JsonLines:
    """A file with one JSON object on each line."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import json

        self.path = path
        check_utf8(path)
        try:
            self._table = json.read_json(path, read_options=json.ReadOptions(block_size=16 * 2**20))
        except pa.ArrowInvalid as error:
            raise DataError(f"{path} is not one JSON object on each line: {error}") from error
        self.first: dict[str, Any] = first_cells(self._table.slice(0, 50))

    def read(self, names: Sequence[str]) -> Any:
        return self._table.select(list(names))
