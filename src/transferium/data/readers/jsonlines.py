"""Files with one JSON object on each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferium.data.readers.cells import first_cells
from transferium.data.readers.delimited import check_utf8
from transferium.data.readers.opening import opening
from transferium.errors import DataError
from transferium.system.checked_files import open_file

DEEPEST = 100
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|$)')
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


class JsonLines:
    """A file with one JSON object on each line."""

    def __init__(self, path: Path) -> None:
        from pyarrow import json

        self.path = path
        with opening(path, "is not one JSON object on each line"):
            check_utf8(path)
            _refuse_depth(path)
            self._table = json.read_json(path, read_options=json.ReadOptions(block_size=16 * 2**20))
            self.first: dict[str, Any] = first_cells(self._table.slice(0, 50))

    def read(self, names: Sequence[str]) -> Any:
        with opening(self.path):
            return self._table.select(list(names))


def _refuse_depth(path: Path) -> None:
    """Raise ``DataError`` for brackets inside brackets without end: Arrow's parser would end the process."""
    depth = 0
    with open_file(path) as file:
        for number, line in enumerate(file, start=1):
            if line.translate(None, _NO_BRACKET) in (b"{}", b""):
                continue
            for bracket in _TEXT.sub(b"", line).translate(None, _NO_BRACKET):
                depth = depth + 1 if bracket in b"[{" else max(0, depth - 1)
                if depth > DEEPEST:
                    raise DataError(f"{path} is nested too deeply in line {number}: more than {DEEPEST} brackets")
