"""Checks of numeric input: feature matrices, labels and weights in the form that the numeric functions need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


def matrix(x: Floats, name: str) -> Array:
    """``x`` as a finite ``(n, width)`` float64 array with at least one row, or an error that names ``name``.

    >>> matrix(np.ones((2, 3), dtype=np.float32), "source").dtype
    dtype('float64')
    """
    out = np.asarray(x, dtype=np.float64)
    if out.ndim != 2 or out.size == 0:
        raise InputError(f"{name} must be a matrix (n, width) with at least one row and column; found {out.shape}")
    if not np.isfinite(out).all():
        row = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
        raise InputError(f"{name} holds a value that is not finite, first in row {row}; leave such rows out")
    return out


def two_domains(source: Floats, target: Floats, *, rows: int = 1) -> tuple[Array, Array]:
    """Both matrices checked, of one width and with at least ``rows`` rows each."""
    a, b = matrix(source, "source"), matrix(target, "target")
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"source and target must have one width; found {a.shape[1]} and {b.shape[1]}. Embed both with one backbone."
        )
    if min(len(a), len(b)) < rows:
        raise InputError(f"at least {rows} rows of each domain are needed; found {len(a)} and {len(b)}")
    return a, b


def labels_of(y: Labels, n: int, name: str, classes: int | None = None) -> NDArray[np.int64]:
    """``n`` labels in ``0 … classes - 1`` (any non-negative integers when ``classes`` is None)."""
    out = np.asarray(y)
    if out.shape != (n,) or not np.issubdtype(out.dtype, np.integer):
        raise InputError(f"{name} must be {n} whole numbers, one per row; found {out.dtype} of shape {out.shape}")
    if n and (out.min() < 0 or (classes is not None and out.max() >= classes)):
        last = "" if classes is None else f" to {classes - 1}"
        raise InputError(f"{name} must count classes from 0{last}; found {out.min()} to {out.max()}")
    return out.astype(np.int64)


def probabilities_of(p: Floats, name: str) -> Array:
    """``(n, classes)`` rows that are non-negative and add up to 1, or an error."""
    out = matrix(p, name)
    if out.min() < -1e-9 or np.abs(out.sum(axis=1) - 1).max() > 1e-3:
        raise InputError(
            f"each row of {name} must hold probabilities that add up to 1; pass softmax(logits), not logits"
        )
    return out


def distribution_of(p: Floats | None, n: int, name: str) -> Array:
    """``n`` non-negative numbers scaled to add up to 1; equal shares for None."""
    if p is None:
        return np.full(n, 1.0 / n)
    out = np.asarray(p, dtype=np.float64)
    if out.shape != (n,) or not np.isfinite(out).all() or out.min() < 0 or out.sum() <= 0:
        raise InputError(f"{name} must be {n} numbers, none negative, not all 0; found shape {out.shape}")
    scaled: Array = out / out.sum()
    return scaled


def fraction(value: float, name: str) -> float:
    """``value`` when it lies in [0, 1], or an error that names it."""
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name}={value} must lie between 0 (off) and 1 (all the way)")
    return value


def one_hot(y: NDArray[np.int64], classes: int) -> Array:
    """``(n, classes)`` with 1 at each row's class.

    >>> one_hot(np.array([1, 0]), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.eye(classes)[y]


def squared_distances(a: Array, b: Array) -> Array:
    """``||a_i - b_j||²``, shape ``(len(a), len(b))``, never negative, accurate away from the origin.

    >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    middle = b.mean(axis=0)
    a, b = a - middle, b - middle
    out: Array = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * (a @ b.T)
    return np.maximum(out, 0.0, out=out)


def median_bandwidth(distances: Array) -> float:
    """The median heuristic: the median off-diagonal entry of a square matrix of squared distances, or 1 when that is 0.

    >>> median_bandwidth(np.array([[0.0, 4.0], [4.0, 0.0]]))
    4.0
    """
    upper = distances[np.triu_indices(len(distances), k=1)]
    return float(np.median(upper)) or 1.0 if len(upper) else 1.0


def unit_rows(x: NDArray[np.floating[Any]]) -> Array:
    """Rows scaled to length 1, each by itself; a row of noughts stays.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    rows = np.ascontiguousarray(x, np.float64)
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    scaled: Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return scaled
