"""Table cells that hold an image: its bytes, its path, or a structure with either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from transferium.data.samples import Files, Items, Samples


def images_of(folder: Path, cells: Sequence[Any]) -> Samples:
    """Image files where every cell is a path, relative to ``folder``; else whatever holds an image."""
    named = isinstance(cells, list) and all(isinstance(cell, str) for cell in cells)
    return Files(folder, cells) if named else Items(ImageCells(folder, cells))


class ImageCells(Sequence[Any]):
    """Image cells as encoded bytes: bytes, paths, or structures ``{bytes, path}`` with either."""

    def __init__(self, folder: Path, cells: Sequence[Any]) -> None:
        self.folder, self.cells = folder, cells

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Encoded bytes; raises ``OSError`` where the cell is empty or the file is not there."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        cell = self.cells[index]
        if isinstance(cell, dict):
            cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
        if cell is None:
            raise OSError("the cell is empty")
        return (self.folder / cell).read_bytes() if isinstance(cell, str) else cell
