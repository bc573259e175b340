"""Metrics of predicted numbers, as functions of how often each example counts: ones give the estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError

Array = NDArray[Any]
Statistics = Callable[[Array], dict[str, Array]]


def regression_statistics(y: Array, prediction: Array) -> Statistics:
    """``mae``, ``rmse`` and ``r2`` of ``prediction (n,)`` against ``y (n,)``.

    ``mae = Σ |e| / n`` and ``rmse = √(Σ e² / n)`` with ``e = prediction - y``; ``r2 = 1 - Σ e² / Σ (y - mean y)²``,
    which is NaN in samples where every ``y`` is the same. Everything is made of four sums, so samples cost one matrix
    product.

    The function takes counts ``(some, n)``. Raises ``DataError`` for shapes that do not match and for numbers that are
    not finite. As in scikit-learn, but for that NaN.

    >>> found = regression_statistics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))(np.ones((1, 3)))
    >>> {name: float(value[0].round(3)) for name, value in found.items()}
    {'mae': 0.667, 'rmse': 1.155, 'r2': -1.0}
    """
    y, prediction = np.asarray(y, np.float64), np.asarray(prediction, np.float64)
    if y.ndim != 1 or y.shape != prediction.shape or not len(y):
        raise DataError(f"targets and predictions must both be (examples,); they are {y.shape} and {prediction.shape}.")
    if not (np.isfinite(y).all() and np.isfinite(prediction).all()):
        raise DataError("targets and predictions must be finite; some are not.")
    error, around = prediction - y, y - y.mean()
    sums = np.stack([np.abs(error), error**2, around, around**2], axis=1)

    def compute(counts: Array) -> dict[str, Array]:
        n = counts.sum(axis=1, dtype=np.float64)
        absolute, squared, first, second = (counts @ sums).T / n
        varied = second - first**2
        exists = varied > 1e-12 * second
        explained = 1 - np.divide(squared, varied, out=np.full_like(varied, np.nan), where=exists)
        return {"mae": absolute, "rmse": np.sqrt(squared), "r2": explained}

    return compute
