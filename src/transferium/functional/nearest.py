"""Nearest rows by Euclidean distance: fast and exact, and the same for a row alone or in any block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING = 2.0**-24
"""Half the gap between 1 and the next number in single precision."""


def nearest(
    block: NDArray[np.float64], rows: NDArray[np.float32], squares: NDArray[np.float64], k: int
) -> NDArray[np.int64]:
    """Positions ``(n, k)`` of the ``k`` rows nearest to each row of ``block (n, width)``, the nearest first.

    ``squares`` are the squared lengths of ``rows (m, width)``. One product in single precision leaves everything that
    its rounding could confuse with the k-th nearest; among those the distances are summed anew in double precision, row
    by row, and of equals the first position is the nearer. The result therefore does not depend on the rest of
    ``block``, and equal rows are equally far.

    >>> rows = np.array([[0.0], [3.0], [1.0]], np.float32)
    >>> nearest(np.array([[0.9], [2.5]]), rows, (rows[:, 0] ** 2).astype(np.float64), 2).tolist()
    [[2, 0], [1, 2]]
    """
    lengths = np.sqrt((block * block).sum(axis=1))
    about = squares - 2.0 * (block.astype(np.float32) @ rows.T).astype(np.float64)
    reach = np.partition(about, k - 1, axis=1)[:, k - 1]
    # Twice the largest error of a product, of the row at the edge and of the row that is compared with it.
    reach = reach + 4 * (rows.shape[1] + 8) * ROUNDING * lengths * np.sqrt(squares.max(initial=0.0))
    found = np.empty((len(block), k), np.int64)
    for i, (row, limit) in enumerate(zip(block, reach, strict=True)):
        candidates = np.flatnonzero(about[i] <= limit)
        order = np.argsort(_distances(row, rows[candidates]), kind="stable")[:k]
        found[i] = candidates[order]
    return found


def _distances(row: NDArray[np.float64], rows: NDArray[Any]) -> NDArray[np.float64]:
    apart = rows.astype(np.float64) - row
    squared: NDArray[np.float64] = (apart * apart).sum(axis=1)
    return squared
