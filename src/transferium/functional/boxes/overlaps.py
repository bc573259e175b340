"""How much boxes overlap, and boxes without those that say the same as a surer one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Boxes ``(n, 4)``: left, top, right, bottom."""


def areas(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """The area of each box ``(n,)``, 0 where a side is before the other."""
    found: NDArray[np.float64] = np.clip(boxes[:, 2:4] - boxes[:, :2], 0, None).prod(axis=1)
    return found


def overlaps(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Intersection over union of each pair ``(n, m)``; it is the same in pixels and in shares of a picture's sides.

    >>> overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 2, 2], [1, 0, 3, 2]])).round(2).tolist()
    [[1.0, 0.33]]
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    both = np.clip(high - low, 0, None).prod(axis=2)
    union = areas(first)[:, None] + areas(second)[None] - both
    found: NDArray[np.float64] = both / np.maximum(union, 1e-12)
    return found


def suppressed(boxes: NDArray[Any], scores: NDArray[Any], most: int, overlap: float = 0.6) -> NDArray[np.intp]:
    """The places of at most ``most`` boxes, the surest first, none of which overlaps a surer one by ``overlap``.

    Greedy non-maximum suppression.

    >>> suppressed(np.array([[0.0, 0, 2, 2], [0, 0, 2, 2], [4, 4, 5, 5]]), np.array([0.5, 0.9, 0.1]), 9).tolist()
    [1, 2]
    """
    order = np.argsort(-scores, kind="stable")
    alike, left = overlaps(boxes, boxes) > overlap, np.ones(len(boxes), bool)
    kept: list[int] = []
    for at in order.tolist():
        if left[at] and len(kept) < most:
            kept.append(at)
            left &= ~alike[at]
    return np.array(kept, np.intp)
