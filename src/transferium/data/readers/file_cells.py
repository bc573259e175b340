"""Table cells that hold an image or a sound: its bytes, its path, or both in one; and where those paths lead."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from transferium.data.domain import Kind
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.folders.listing import list_folder
from transferium.data.folders.part_names import part_of
from transferium.data.samples import Files, Items, Samples
from transferium.errors import DataError
from transferium.system.printable import shown


def files_of(folder: Path, cells: Sequence[Any], kind: Kind) -> Samples:
    """Files where every cell is a path, relative to ``folder``; else whatever holds an example of ``kind``."""
    named = isinstance(cells, list) and all(isinstance(cell, str) for cell in cells)
    files = EXAMPLE_FILES[kind].samples
    return files(folder, cells) if named else Items(FileCells(folder, cells, files))


class FileCells(Sequence[Any]):
    """Cells of examples that may be files: bytes, paths, or structures ``{bytes, path}`` with either."""

    def __init__(self, folder: Path, cells: Sequence[Any], files: type[Files]) -> None:
        self.folder, self.cells, self.files = folder, cells, files

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """The raw example; raises ``OSError`` where the cell is empty or the file is not there."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        cell = self.cells[index]
        if isinstance(cell, dict) and cell.get("array") is None:
            cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
        if cell is None:
            raise OSError("the cell is empty")
        return self.files.opened(self.folder / cell) if isinstance(cell, str) else cell


def named_files(samples: Samples) -> list[Path]:
    """The files that examples are read from, where they have names."""
    if isinstance(samples, Files):
        return [samples.root / name for name in samples.names]
    cells = samples.items if isinstance(samples, Items) else None
    return (
        [cells.folder / cell for cell in cells.cells if isinstance(cell, str)] if isinstance(cells, FileCells) else []
    )


def locate(table: Path, cells: Sequence[str | None], column: str, kind: Kind) -> tuple[Sequence[str | None], str]:
    """The paths of files relative to the table's folder, and where they are in words if not as written.

    Where no file is there under its name, all are looked for below the table's folder: in one folder, without their
    ending, with ``/`` for ``\\``, without the folders of another computer. Raises ``DataError`` where they are in
    several folders, and for web addresses.
    """
    paths = [cell for cell in cells if cell is not None]
    if not paths or any(_is_there(table.parent, path) for path in paths[:: len(paths) // _LOOKED_AT + 1]):
        return cells, ""
    where, first = f"{len(paths):,} of {len(paths):,} files of column {column!r} in {table}", shown(paths[0])
    if all("://" in path for path in paths):
        raise DataError(
            f"{where} cannot be read: they are web addresses (the first: {first}), and nothing is fetched. Save them "
            "as files."
        )
    there = _by_name(list_folder(table.parent, kind).top.all_examples())
    for dropped in range(max(len(_steps(path)) for path in paths[:_PROBED])):
        probes = {_key(_without(path, dropped)) for path in paths[:_PROBED]}
        starts = {name[: len(name) - len(key)] for name in there for key in probes if f"/{name}".endswith(f"/{key}")}
        whole = [start for start in starts if all(start + key in there for key in probes)]
        mine = [s for s in whole if part_of(s.rpartition("/")[0]) == part_of(table.stem) is not None]
        found = next((one for one in (mine, whole) if len(one) == 1), sorted(starts))
        if len(found) > 1:
            listed = ", ".join(shown(start) or "./" for start in found[:5])
            raise DataError(
                f"{where} are not there; the first, {first}, is in {listed}. Write the folder in the cells."
            )
        if found:
            located = [
                None if cell is None else there.get(found[0] + _key(_without(cell, dropped)), cell) for cell in cells
            ]
            return located, f"found in {shown(found[0]) or './'}"
    return cells, f"not one of these files is there; the first: {first}"


_LOOKED_AT = 1000
"""Paths, spread over a table, that are tried as they are written."""

_PROBED = 20
"""Paths that are looked for, to find the folder of all."""


def _steps(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")] or [path]


def _without(path: str, dropped: int) -> str:
    """``path`` without so many of its first folders."""
    steps = _steps(path)
    return "/".join(steps[min(dropped, len(steps) - 1) :])


def _is_there(folder: Path, path: str) -> bool:
    try:
        return "://" not in path and (folder / path).exists()
    except (OSError, ValueError):
        return False


def _by_name(files: Sequence[str]) -> dict[str, str]:
    """Files by their names and, where that is no other's, by their names without the ending; case does not count."""
    names = {_key(name): name for name in files}
    stems: dict[str, str | None] = {}
    for name in files:
        stem = _key(name.rpartition(".")[0])
        stems[stem] = None if stem in stems else name
    return names | {stem: name for stem, name in stems.items() if name is not None and stem not in names}


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
