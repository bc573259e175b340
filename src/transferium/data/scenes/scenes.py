"""Scenes: pictures in which things have boxes, and how large each of them is."""

from __future__ import annotations

from typing import Any

from transferium.data.images.decode import upright_sides
from transferium.data.samples import Indices, Samples


class Scenes:
    """Pictures, of which the width and height are known without decoding them."""

    def __init__(self, pictures: Samples) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def raw(self, index: int) -> Any:
        return self.pictures.raw(index)

    def sides(self, index: int) -> tuple[int, int]:
        """Width and height of the upright picture; raises ``OSError`` and ``UnreadableImage`` where there is none."""
        return upright_sides(self.pictures.raw(index))

    def take(self, indices: Indices) -> Scenes:
        return Scenes(self.pictures.take(indices))
