"""The doctor's finding on outliers: examples whose features are unlike those of all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import Finding, some
from transferium.data.domain import Domain

FAR = 4.5
"""How far below the median an outlier's likeness to its neighbours lies, in units of how far others lie below it.

Of 12,540 pictures of eight clean sets 4 are taken for outliers (``benchmarks/doctor.py``). What does not belong is
found among pictures that are much alike, hardly ever among very different ones."""
NEIGHBOURS = 5
FEWEST = 100
"""The fewest examples among which outliers are looked for: among 50, twice as many would be false."""
SAMPLE = 2000
"""With how many others each example is compared at first; what looks far is then compared with all."""
_BLOCK = 1024


def find_outliers(domain: Domain, features: NDArray[np.floating[Any]], at: NDArray[np.intp]) -> list[Finding]:
    """The finding on outliers among the examples ``at``, no two of which are copies; the farthest is named first."""
    far = [domain.ids[i] for i in at[outliers(features[at])].tolist()]
    if not far:
        return []
    one = len(far) == 1
    message = (
        f"{len(far):,} {'example is' if one else 'examples are'} unlike all others: {some(far)}; look at "
        f"{'it' if one else 'them'}, and delete what does not belong here (nothing was left out)"
    )
    return [Finding("outlier", "warning", message, tuple(far))]


def outliers(features: NDArray[np.floating[Any]], far: float = FAR) -> NDArray[np.intp]:
    """Positions of the rows that are unlike all others, the farthest first.

    The likeness ``s`` of a row is its mean cosine with its 5 nearest rows, and ``m`` the median of all. Rows with
    ``(m - s) / u > far`` are outliers, with ``u = 1.4826 median(m - s | s < m)``: for normal ``s`` the standard
    deviation, whatever the upper half looks like. Fewer than 100 rows have no outliers.

    >>> rows = np.random.default_rng(0).normal(0.5, size=(200, 60))
    >>> rows[7] *= -1
    >>> outliers(rows).tolist()
    [7]
    """
    n = len(features)
    if n < FEWEST:
        return np.empty(0, np.intp)
    rows = features.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    everything = np.arange(n)
    sample = everything if n <= SAMPLE else np.sort(np.random.default_rng(0).permutation(n)[:SAMPLE])
    like = _likeness(rows, everything, sample)
    middle = np.median(like)
    below = middle - like[like < middle]
    limit = middle - far * 1.4826 * (np.median(below) if len(below) else np.inf)
    found = np.flatnonzero(like < limit)
    if n > SAMPLE:
        like[found] = _likeness(rows, found, everything)
        found = found[like[found] < limit]
    return found[np.argsort(like[found], kind="stable")]


def _likeness(rows: NDArray[np.float32], of: NDArray[np.intp], to: NDArray[np.intp]) -> NDArray[np.float32]:
    """Mean cosine of the rows ``of`` with their nearest among the rows ``to``, without themselves."""
    like = np.empty(len(of), np.float32)
    for start in range(0, len(of), _BLOCK):
        block = of[start : start + _BLOCK]
        cosines = rows[block] @ rows[to].T
        cosines[block[:, None] == to] = -1
        like[start : start + _BLOCK] = np.partition(cosines, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
    return like
