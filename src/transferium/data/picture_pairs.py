"""Pairs of pictures: two sequences of pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transferium.data.domain import Domain
from transferium.data.joined_samples import join_samples
from transferium.data.samples import Indices, Items, Samples


class PicturePairs:
    """``sides[0]`` and ``sides[1]`` are domains of as many pictures, whose ``keys`` are known once they were scanned.

    >>> pairs = PicturePairs.of(Items(["a", "b"]), Items(["c", "d"]))
    >>> pairs.raw(1), len(pairs.in_a_row())
    (('b', 'd'), 4)
    """

    def __init__(self, sides: Sequence[Domain]) -> None:
        self.sides = list(sides)

    @classmethod
    def of(cls, *sides: Samples) -> PicturePairs:
        """Pairs of what stands at the same place of both."""
        return cls([Domain(side, "image", list(map(str, range(len(side))))) for side in sides])

    def __len__(self) -> int:
        return len(self.sides[0])

    def raw(self, index: int) -> tuple[Any, Any]:
        """Both pictures; raises ``OSError`` where one cannot be read."""
        first, second = (side.samples.raw(index) for side in self.sides)
        return first, second

    def take(self, indices: Indices) -> PicturePairs:
        return PicturePairs([side.take(indices) for side in self.sides])

    def in_a_row(self) -> Domain:
        """The first pictures of all pairs, and then the second ones."""
        keys = [side.keys for side in self.sides]
        known = tuple(key for some in keys for key in some or ()) if None not in keys else None
        ids = list(map(str, range(2 * len(self))))
        return replace(self.sides[0], samples=join_samples([side.samples for side in self.sides]), ids=ids, keys=known)


def pictures_of(cells: Sequence[Any]) -> PicturePairs:
    """Pairs of pictures in memory as two sequences."""
    return PicturePairs.of(*(Items([pair[side] for pair in cells]) for side in range(2)))
