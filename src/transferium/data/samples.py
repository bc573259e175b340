"""Lazy sequences of examples: each example is read only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.sniff import ENCODED_LIMIT
from transferium.system.checked_files import read_file

Indices = NDArray[np.intp]


class Samples(Protocol):
    """A lazy, thread-safe sequence of raw examples.

    ``raw(i)`` gives encoded image bytes, a ``PIL.Image.Image``, an ``(h, w[, c])`` array, a ``str``
    or a feature row, and raises ``OSError`` when it cannot be read.
    """

    def __len__(self) -> int: ...

    def raw(self, index: int) -> Any: ...

    def take(self, indices: Indices) -> Samples: ...


class Files:
    """Image files, kept as one root and relative names so that a million of them stay small."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root, self.names = root, names

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        return self.root / self.names[index]

    def raw(self, index: int) -> bytes:
        return read_file(self.path(index), ENCODED_LIMIT)

    def take(self, indices: Indices) -> Files:
        return Files(self.root, [self.names[i] for i in indices])


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
