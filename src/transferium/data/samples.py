"""Lazy sequences of examples: each example is read only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.sniff import ENCODED_LIMIT
from transferium.system.checked_files import check_file, read_file

Indices = NDArray[np.intp]


class Samples(Protocol):
    """A lazy, thread-safe sequence of raw examples.

    ``raw(i)`` gives encoded image bytes, a ``PIL.Image.Image``, an ``(h, w[, c])`` array, a ``str``, the path of a
    sound or its samples with their rate, or a feature row, and raises ``OSError`` when it cannot be read.
    """

    def __len__(self) -> int: ...

    def raw(self, index: int) -> Any: ...

    def take(self, indices: Indices) -> Samples: ...


class Files:
    """Files of examples, kept as one root and relative names so that a million of them stay small."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root, self.names = root, names

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        return self.root / self.names[index]

    def raw(self, index: int) -> Any:
        return self.opened(self.path(index))

    @staticmethod
    def opened(path: Path) -> Any:
        """The raw example of one file; raises ``OSError`` where it cannot be read."""
        return read_file(path, ENCODED_LIMIT)

    def take(self, indices: Indices) -> Files:
        return type(self)(self.root, [self.names[i] for i in indices])


class SoundFiles(Files):
    """Sound files: of a recording of hours only the beginning is ever read, so that its raw form is its path."""

    @staticmethod
    def opened(path: Path) -> Path:
        check_file(path)
        return path


class Items:
    """Examples already in memory (texts, encoded bytes, PIL images, arrays), or any lazy sequence of them."""

    def __init__(self, items: Sequence[Any], order: Indices | None = None) -> None:
        self.items, self.order = items, order

    def __len__(self) -> int:
        return len(self.items) if self.order is None else len(self.order)

    def raw(self, index: int) -> Any:
        return self.items[index if self.order is None else int(self.order[index])]

    def take(self, indices: Indices) -> Items:
        return Items(self.items, indices if self.order is None else self.order[indices])


class Rows:
    """A feature table: one ``(n, width)`` float array."""

    def __init__(self, values: NDArray[np.floating[Any]]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """How many columns there are."""
        width: int = self.values.shape[1]
        return width

    def raw(self, index: int) -> NDArray[np.floating[Any]]:
        row: NDArray[np.floating[Any]] = self.values[index]
        return row

    def take(self, indices: Indices) -> Rows:
        return Rows(self.values[indices])
