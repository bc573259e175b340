"""Pairs of examples for contrastive training: drawn, never listed, so that their number grows with the examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def draw_pairs(y: NDArray[np.int64], each: int, seed: int) -> tuple[Indices, Indices]:
    """``each`` pairs of every example with one of its class, and as many with one of another: two columns of positions.

    Partners are drawn with repetition, an example never with itself; one that is alone in its class has no alike pair.
    Time and memory are ``O(n each)``. Every label must have another one somewhere.

    >>> first, second = draw_pairs(np.array([0, 0, 1, 1]), each=2, seed=0)
    >>> len(first), int((first == second).sum())
    (16, 0)
    """
    n, order = len(y), np.argsort(y, kind="stable")
    _, start, code, count = np.unique(y[order], return_index=True, return_inverse=True, return_counts=True)
    begin, size = start[code], count[code]  # of each example's class, in sorted order
    rng, place = np.random.default_rng(seed), np.arange(n)
    others = np.maximum(size - 1, 1)
    step = 1 + np.floor(rng.random((each, n)) * others).astype(np.intp)
    alike = begin + (place - begin + step) % size
    drawn = np.floor(rng.random((each, n)) * (n - size)).astype(np.intp)
    unlike = np.where(drawn < begin, drawn, drawn + size)
    known = np.tile(size > 1, each)
    first = np.concatenate([np.tile(place, each)[known], np.tile(place, each)])
    second = np.concatenate([alike.ravel()[known], unlike.ravel()])
    return order[first], order[second]
