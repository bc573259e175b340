"""How much of what is predicted one column explains alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FEWEST = 5
"""How many numbers share a bin at least."""
BINS = 256


def explained_alone(codes: NDArray[np.integer[Any]], targets: NDArray[Any]) -> float:
    """R² of ``targets (n, k)`` predicted by the mean of all other rows of the same code; 0 where that is no help.

    ``codes (n,)`` count from 0. ``1 - Σ (t - m)² / Σ (t - t̄)²``, where ``m`` is the mean over the other rows of the
    code and once the mean of all, so that rows alone with their code explain nothing. With indicators of classes as
    targets this is Goodman and Kruskal's tau, left one out.

    >>> label = np.array([0.0, 1.0] * 50)[:, None]
    >>> explained_alone(np.arange(100) % 2, label) > 0.99, explained_alone(np.arange(100), label)
    (True, 0.0)
    """
    y = np.asarray(targets, np.float64)
    y = y - y.mean(axis=0)
    total = float((y * y).sum())
    if total <= 0:
        return 0.0
    others = np.bincount(codes)[codes].astype(np.float64)  # the others of the code, and once the mean of all
    missed = 0.0
    for column in y.T:
        sums = np.bincount(codes, weights=column)[codes]
        missed += float(((column - (sums - column) / others) ** 2).sum())
    return max(0.0, 1.0 - missed / total)


def binned(values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Codes ``(n,)`` of numbers: each of few values its own, else bins of equally many rows; NaN is a code of its own.

    >>> binned(np.array([0.5, np.nan, *[2.0] * 9])).tolist()
    [0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    known = ~np.isnan(values)
    bins = int(np.clip(known.sum() // FEWEST, 1, BINS))
    levels, codes = np.unique(values[known], return_inverse=True)
    if len(levels) > bins:
        codes = np.searchsorted(
            np.quantile(levels[codes], np.arange(1, bins) / bins, method="lower"), levels[codes], side="right"
        )
    found = np.full(len(values), int(codes.max(initial=-1)) + 1, np.int64)
    found[known] = codes
    return found


def straight(values: NDArray[np.floating[Any]], targets: NDArray[Any]) -> float:
    """R² of the best straight line from one column of numbers to ``targets (n, k)``; 0 where a value is missing.

    >>> straight(np.array([1.0, 2.0, 4.0]), np.array([[3.0], [5.0], [9.0]]))
    1.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = (np.asarray(v, np.float64) - np.mean(v, axis=0, dtype=np.float64) for v in (values, targets))
        spread, total = float(x @ x), float((y * y).sum())
    if not np.isfinite(spread) or spread <= 0 or total <= 0:
        return 0.0
    return float(round(((x @ y) ** 2).sum() / spread / total, 12))
