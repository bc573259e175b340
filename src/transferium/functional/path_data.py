"""What the paths of linear models share: checked inputs, the rows as the solvers see them, and scores of folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError

Array = NDArray[np.float64]
EXACT = 2**22
"""Up to this many feature values everything is float64; above, products are float32 (error in W below 1e-4)."""


@dataclass(frozen=True)
class SharedRows:
    """Features as the solver sees them (``rows``, a column of ones last) and the way back."""

    rows: NDArray[Any]
    middle: Array
    scale: float
    basis: Array | None

    def unfold(self, parameters: Array) -> tuple[Array, Array]:
        """Coefficients and intercepts in units of the features as given."""
        W = parameters[..., :-1]
        coef = (W if self.basis is None else W @ self.basis.T) / self.scale
        return coef, parameters[..., -1] - coef @ self.middle


def shared_rows(X: NDArray[Any]) -> SharedRows:
    """Centre, scale by one number, and, where examples are fewer than features, rotate into their span (exact)."""
    middle = X.mean(axis=0, dtype=np.float64)
    rows = np.ones((len(X), X.shape[1] + 1), np.float64 if X.size <= EXACT else np.float32)
    centred = rows[:, :-1]
    np.subtract(X, middle, out=centred, casting="same_kind")
    scale = float(np.sqrt(np.einsum("ij,ij->i", centred, centred).mean(dtype=np.float64))) or 1.0
    centred /= scale
    if len(X) >= X.shape[1]:
        return SharedRows(rows, middle, scale, None)
    basis, right = np.linalg.qr(centred.T)
    return SharedRows(np.hstack([right.T, rows[:, -1:]]), middle, scale, basis)


def fold_shares(held: NDArray[np.int64], weight: Array) -> Array:
    """What each example counts in the mean over its fold ``(n, folds)``; ``held`` (-1: in none) is its fold."""
    shares = [np.where(held == fold, weight, 0) for fold in range(int(held.max()) + 1)]
    return np.stack([share / share.sum() for share in shares], axis=1)


def check_path(
    X: NDArray[Any],
    y: NDArray[np.int64],
    classes: int,
    Cs: Sequence[float],
    folds: NDArray[np.int64],
    sample_weight: NDArray[Any] | None,
) -> tuple[NDArray[Any], Array, Array]:
    """The features as floats, the grid in rising order, and the weights (None: ones); raises as ``fit_path`` does."""
    grid = np.unique(np.asarray(Cs, np.float64))
    if not len(grid) or not np.isfinite(grid).all() or grid[0] <= 0:
        raise InputError(f"Cs must be positive numbers; they were {list(Cs)}.")
    if classes < 2:
        raise DataError(f"a classifier needs at least 2 classes; there is {classes}.")
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if not len(X) == len(y) == len(folds) == len(weight) or not len(X):
        raise DataError(f"{len(X)} rows, {len(y)} labels, {len(folds)} folds and {len(weight)} weights do not match.")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError("sample weights must be finite and not negative.")
    folds = np.asarray(folds)
    held = np.bincount(folds[folds >= 0], weights=weight[folds >= 0])
    if not len(held) or not (held > 0).all():
        raise DataError(f"every fold from 0 on must hold examples; of {len(held)}, {int((held == 0).sum())} hold none.")
    X = X if X.dtype in (np.float32, np.float64) else np.asarray(X, np.float64)
    bad = ~np.isfinite(X).all(axis=1)
    if bad.any():
        raise DataError(f"{bad.sum()} of {len(X)} feature rows are not finite; the first is row {int(bad.argmax())}.")
    return X, grid, weight


def single_threaded_blas() -> Any:
    """Problems run on threads of their own, which never wait for one another; BLAS's threads do, on a busy machine."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")
