"""Exact copies and near duplicates among examples, and the groups that keep them on one side of a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR = 0.97
"""The least cosine of centred features at which two examples count as near duplicates.

Looked at with the bundled image backbone on 2,900 photos (ants and bees, four office domains), 1,500 handwritten
digits and 2,000 small pictures: all pairs above 0.97 are one picture (saved again, scaled, mirrored) or one object seen
from one place; between 0.95 and 0.97 one product in two colours appears; below 0.95 most pairs are different objects of
one kind. Digits and small pictures have no pair above 0.94, ants and bees none above 0.90."""

MOST = 20_000
"""The most examples among which near duplicates are searched: twice as many take four times as long."""

ENOUGH = 100_000
"""The most pairs of near duplicates that are found: the search then ends."""

_SKETCH = 192
_WORTH = 4096  # rows from which the sketch saves more than it costs
_BLOCK = 1024
_PAIRS = 8_192


def code_keys(keys: Sequence[str]) -> NDArray[np.int64]:
    """A number for each key, equal for equal keys; every empty key has a number of its own."""
    seen: dict[Any, int] = {}
    named = ((key or i) for i, key in enumerate(keys))
    return np.fromiter((seen.setdefault(key, len(seen)) for key in named), np.int64, len(keys))


def near_pairs(features: NDArray[np.floating[Any]], threshold: float = NEAR) -> NDArray[np.intp]:
    """All pairs ``(m, 2)`` of rows whose centred features have a cosine of at least ``threshold``.

    Exact, and cheap: rows are first compared in an orthonormal sketch ``z = x Q`` of few dimensions with the length
    ``r`` of what it leaves out, since ``x·y <= z·w + r s`` (Cauchy and Schwarz); only pairs whose bound reaches the
    threshold are compared in full. Fewer than four rows have no centre worth the name, and no pairs. The search ends
    early once more than ``ENOUGH`` pairs are found: such rows tell hardly anything apart.
    """
    if len(features) < 4:
        return np.empty((0, 2), np.intp)
    x = features.astype(np.float32)
    x = x - x.mean(0)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    length[length <= 1e-6 * np.linalg.norm(features, axis=1).max()] = np.inf  # at the centre, but for rounding
    x /= length
    sketch = _sketch(x)
    found = []
    for start in range(0, len(x), _BLOCK):
        bound = sketch[start : start + _BLOCK] @ sketch[start:].T
        first, second = np.divmod(np.flatnonzero(bound >= threshold - 1e-5), bound.shape[1])
        ahead = second > first
        found.append(_confirmed(x, first[ahead] + start, second[ahead] + start, threshold))
        if sum(map(len, found)) > ENOUGH:
            break
    return np.concatenate(found)


def _sketch(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[x Q, r]`` with ``Q`` near the leading directions of a sample of rows; ``x`` itself where it is small."""
    if len(x) < _WORTH or x.shape[1] <= 2 * _SKETCH:
        return x
    random = np.random.default_rng(0)
    sample = x[random.permutation(len(x))[:2000]]
    start = sample.T @ random.standard_normal((len(sample), _SKETCH), dtype=np.float32)
    basis = np.linalg.qr(sample.T @ (sample @ start))[0]
    inside = x @ basis
    rest = np.sqrt(np.maximum((x * x).sum(1) - (inside * inside).sum(1), 0))
    return np.column_stack([inside, rest]).astype(np.float32)


def _confirmed(
    x: NDArray[np.float32], first: NDArray[np.intp], second: NDArray[np.intp], threshold: float
) -> NDArray[np.intp]:
    pairs = [np.empty((0, 2), np.intp)]
    for start in range(0, len(first), _PAIRS):
        a, b = first[start : start + _PAIRS], second[start : start + _PAIRS]
        sure = np.einsum("ij,ij->i", x[a], x[b]) >= threshold
        pairs.append(np.stack([a[sure], b[sure]], axis=1))
        if sum(map(len, pairs)) > ENOUGH:
            break
    return np.concatenate(pairs)


def tie(n: int, partitions: Sequence[NDArray[np.int64]], pairs: NDArray[np.intp]) -> NDArray[np.int64]:
    """Group numbers ``(n,)``: equal for examples that share a number in any partition, or are joined by pairs."""
    least = np.arange(n)
    compact = [np.unique(codes, return_inverse=True)[1] for codes in partitions]
    while True:
        before = least.copy()
        for codes in compact:
            lowest = np.full(int(codes.max(initial=-1)) + 1, n)
            np.minimum.at(lowest, codes, least)
            least = lowest[codes]
        lower = least[pairs].min(1)
        np.minimum.at(least, pairs[:, 0], lower)
        np.minimum.at(least, pairs[:, 1], lower)
        if (least == before).all():
            return np.unique(least, return_inverse=True)[1].astype(np.int64)
