"""Ridge regression over a whole grid of penalties and all folds, one eigendecomposition to a fold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.path_data import check_path, fold_shares, shared_rows, single_threaded_blas
from transferium.system.hardware import usable_cores

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RidgePath:
    """Models of t targets for every C on all examples, and what those of the folds say about what they never saw.

    ``coef (C, t, width)``, ``intercept (C, t)`` and ``oof_scores (C, n, t)`` are in units of the features and targets
    as given. ``squared_error`` and ``absolute_error (C, folds)`` are weighted means over a held-out fold, averaged over
    targets, each in units of its own ``spread (t,)``, the weighted standard deviation over all examples: a squared
    error of 1 is what the mean would score. Multiply by ``spread`` (by its square) for the units of a single target.
    """

    Cs: Floats
    coef: Floats
    intercept: Floats
    oof_scores: Floats
    squared_error: Floats
    absolute_error: Floats
    spread: Floats
    scale: float


def fit_ridge_path(
    X: Array, Y: Array, Cs: Sequence[float], fold: NDArray[np.int64], weights: Array | None = None
) -> RidgePath:
    """Minimise ``C Σ_i w_i (Y_i - V z_i - b)² + ||V||²`` for each C, on each fold's complement and on all.

    ``X (n, width)``, ``Y (n, t)``, ``fold (n,)`` and ``weights (n,)`` or None for ones. ``z``, C and folds are those
    of :func:`~transferium.functional.logistic.fit_path`: ``z`` is ``X`` centred and divided by one number, so
    scikit-learn's ``Ridge`` on ``X`` itself has ``alpha = scale² / C``; ``fold[i]`` is the fold that holds ``i`` out,
    from 0, and -1 where it is never held out (``oof_scores`` are then 0). A single fold holds nothing out: its scores
    are those of the model of all examples on what they saw. The solution is linear in ``Y``, so a C means the same in
    every unit of a target; targets are standardised for the sake of rounding alone.

    Around the weighted means of the examples a model learns from, ``V = Y'wz U diag(1 / (s + 1 / C)) U'`` with
    ``U diag(s) U' = z'wz``: one eigendecomposition serves every C. A fold's complement adds up the moments of the
    other folds. Where examples are fewer than features, ``z`` is rotated into their span first (exact). Hoerl and
    Kennard, "Ridge Regression" (1970).

    Raises ``DataError`` for features or targets that are not finite. The same numbers on any number of processors.

    >>> X, Y = np.arange(6.0)[:, None], np.arange(6.0)[:, None] * 2 + 1
    >>> path = fit_ridge_path(X, Y, [0.1, 1e9], np.array([0, 1, 0, 1, 0, 1]))
    >>> path.coef.round(3).ravel().tolist(), path.intercept[1].round(3).tolist()
    ([0.75, 2.0], [1.0])
    """
    X, grid, weight = check_path(X, Y, 2, Cs, fold, weights)
    Y = np.asarray(Y, np.float64)
    if Y.ndim != 2 or not Y.shape[1]:
        raise DataError(f"targets must be an array (examples, targets) with at least 1 target; it was {Y.shape}.")
    if not np.isfinite(Y).all():
        raise DataError(f"{int((~np.isfinite(Y)).any(axis=1).sum())} of {len(Y)} rows of targets are not finite.")
    folds = int(fold.max()) + 1 if fold.max() > 0 else 0
    held = np.asarray(fold) if folds else np.zeros_like(fold)
    middle, spread = _spread(Y, weight)
    unit = np.where(spread > 0, spread, 1.0)
    T = (Y - middle) / unit
    with single_threaded_blas():
        shared = shared_rows(X)
        parts = {part: np.flatnonzero(held == part) for part in np.unique(held).tolist()}

        def measure(at: NDArray[np.intp]) -> Floats:
            return _moments(shared.rows[at], T[at], weight[at])

        def solve(out: int) -> Floats:
            seen = (moment for part, moment in moments.items() if part != out)
            return _solutions(sum(seen, np.zeros(())), Y.shape[1], grid)

        with ThreadPoolExecutor(min(folds + 1, usable_cores())) as pool:
            moments = dict(zip(parts, pool.map(measure, parts.values()), strict=True))
            learned = list(pool.map(solve, [*range(folds), folds + 1]))  # no part has the last number: all examples
        oof = np.zeros((len(grid), *Y.shape))
        for out in range(max(folds, 1)):
            oof[:, parts[out]] = shared.rows[parts[out]].astype(np.float64) @ learned[out].swapaxes(1, 2)
    errors = _errors(oof - T, held, weight)
    oof = np.where((held >= 0)[:, None], oof * unit + middle, 0.0)
    coef, intercept = shared.unfold(learned[-1] * unit[:, None])
    return RidgePath(grid, coef, intercept + middle, oof, *errors, spread, shared.scale)


def _spread(Y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean and standard deviation of each target; exactly 0 where all values that count are the same."""
    middle = np.average(Y, axis=0, weights=weight)
    spread = np.sqrt(np.average((Y - middle) ** 2, axis=0, weights=weight))
    return middle, np.where(np.ptp(Y[weight > 0], axis=0) > 0, spread, 0.0)


def _moments(rows: Array, T: Floats, weight: Floats) -> Floats:
    """``rows' w [rows, T]``: everything a ridge needs to know of some examples; the last row is that of the ones."""
    exact = rows.astype(np.float64)
    weighted = exact * weight[:, None]
    return np.hstack([weighted.T @ exact, weighted.T @ T])


def _solutions(moments: Floats, targets: int, grid: Floats) -> Floats:
    """Parameters ``(C, targets, width + 1)``, intercepts last."""
    width = moments.shape[1] - targets - 1
    sums = moments[-1] / moments[-1, width]
    around = moments[:-1] - np.outer(moments[:-1, width], sums)
    variances, basis = np.linalg.eigh(around[:, :width])
    shrunk = 1 / (np.maximum(variances, 0) + 1 / grid[:, None])
    V = ((basis.T @ around[:, width + 1 :]).T * shrunk[:, None]) @ basis.T
    return np.concatenate([V, (sums[width + 1 :] - V @ sums[:width])[..., None]], axis=2)


def _errors(error: Floats, held: NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats]:
    """Weighted means of squared and absolute errors over each held-out fold and all targets, ``(C, folds)``."""
    share = fold_shares(held, weight)
    return (error**2).mean(axis=2) @ share, np.abs(error).mean(axis=2) @ share
