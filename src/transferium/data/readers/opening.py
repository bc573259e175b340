"""Opening of a table or array file: whatever its parser raises is one error with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transferium.errors import DataError, refusing
from transferium.system.checked_files import check_file


@contextmanager
def opening(path: Path, wrong: str = "cannot be read", end: str = "") -> Iterator[None]:
    """The block in which a library parses ``path``; ``DataError`` for a pipe, a device, and for damaged content."""
    with refusing(DataError, f"{path} {wrong}", end):
        check_file(path)
        yield
