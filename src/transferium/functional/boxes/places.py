"""Where the places of a detector lie in a picture, and which of them answer for which box."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEAREST = 1.5
"""A place answers for a box whose middle is at most so many strides away from it, across and down."""
FARTHEST = 8.0
"""The finer level answers for boxes with all sides at most so many of its strides away, the coarser for the others."""


class Places(NamedTuple):
    """The middles ``(p, 2)`` of places, across and down, and the ``stride (p,)`` of each, as shares of the sides."""

    middles: Array
    stride: Array


def places(side: int) -> Places:
    """The places of a square: ``2 side`` of the finer level in each row and column, then ``side`` of the coarser.

    >>> places(1).middles[-1].tolist(), places(1).stride.tolist()
    ([0.5, 0.5], [0.5, 0.5, 0.5, 0.5, 1.0])
    """
    middles, strides = [], []
    for count in (2 * side, side):
        along = (np.arange(count) + 0.5) / count
        down, across = np.meshgrid(along, along, indexing="ij")
        middles.append(np.stack([across.ravel(), down.ravel()], axis=1))
        strides.append(np.full(count * count, 1 / count))
    return Places(np.concatenate(middles), np.concatenate(strides))


def assigned(label: NDArray[Any], where: Places) -> NDArray[np.intp]:
    """For each place the row of ``label``, ``(class, box)``, that it answers for, -1 for none ``(p,)``.

    A place lies in its box, near its middle, and in the level for boxes of that size; of several boxes it answers for
    the smallest (Tian et al. 2019).
    """
    chosen = np.full(len(where.stride), -1, np.intp)
    if not len(label):
        return chosen
    reach = distances(label[:, 1:5], where)  # (p, boxes, 4)
    middle = (label[:, 1:3] + label[:, 3:5]) / 2
    near = np.abs(where.middles[:, None] - middle[None]).max(axis=2) <= NEAREST * where.stride[:, None]
    far = reach.max(axis=2) > FARTHEST * where.stride.min()
    coarser = where.stride > where.stride.min()
    fits = (reach.min(axis=2) > 0) & near & (far == coarser[:, None])
    area = (label[:, 3:5] - label[:, 1:3]).prod(axis=1)
    size = np.where(fits, area[None], np.inf)
    some = fits.any(axis=1)
    chosen[some] = size[some].argmin(axis=1)
    return chosen


def distances(boxes: NDArray[Any], where: Places) -> Array:
    """How far left, top, right and bottom of each box are from each place ``(p, boxes, 4)``; below 0 outside of it."""
    x, y = where.middles[:, 0, None], where.middles[:, 1, None]
    sides = [x - boxes[None, :, 0], y - boxes[None, :, 1], boxes[None, :, 2] - x, boxes[None, :, 3] - y]
    return np.stack(np.broadcast_arrays(*sides), axis=2)
