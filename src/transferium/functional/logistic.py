"""Multinomial logistic regression over a whole grid of penalties and all folds at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError
from transferium.functional.lockstep import Lockstep, Solved

Array = NDArray[np.float64]
COLUMNS = 32
"""Problems × classes solved in one matrix product. It does not depend on the machine, so neither does the result."""
EXACT = 2**22
"""Up to this many feature values everything is float64; above, products are float32 (error in W below 1e-4)."""

APPROACH = 1e-2
"""Tolerance on the way to the first C of a grid."""


@dataclass(frozen=True)
class LogisticPath:
    """Models for every C on all examples, and what the models of the folds say about the examples they never saw.

    ``coef (C, classes, width)`` and ``intercept (C, classes)`` are in units of the features as given. ``oof_logits``
    is ``(C, n, classes)``; ``log_loss`` and ``accuracy`` are weighted means over each held-out fold, ``(C, folds)``.
    ``iterations`` and ``converged`` are ``(C, folds + 1)``, the model of all examples last.
    """

    Cs: Array
    coef: Array
    intercept: Array
    oof_logits: NDArray[Any]
    log_loss: Array
    accuracy: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    scale: float


def fit_path(
    X: NDArray[Any],
    y: NDArray[np.int64],
    classes: int,
    Cs: Sequence[float],
    folds: NDArray[np.int64],
    sample_weight: NDArray[Any] | None = None,
    *,
    tol: float = 1e-3,
    max_iter: int = 200,
) -> LogisticPath:
    """Minimise ``C Σ_i w_i CE(y_i, softmax(W z_i + b)) + ½ ||W||²`` for each C, on each fold's complement and on all.

    ``z`` is ``X (n, width)``, centred and divided by one number, the root mean square norm of its centred rows, so
    that a grid of C suits any backbone: scikit-learn's C on ``X`` itself is ``C / scale²``. Two classes are penalised
    as one vector ``w₁ - w₀``, which is scikit-learn's binary model. ``folds[i]`` is the fold that holds ``i`` out,
    counted from 0, and -1 where it is never held out (``oof_logits`` are then 0). A single fold holds nothing out: its
    logits and scores are those of the model of all examples on what it saw.

    ``W`` is within ``tol ||W||`` of the optimum where ``converged``. Raises ``DataError`` for features that are not
    finite. The same numbers whatever the number of processors.

    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> path = fit_path(X, y, 2, [0.1, 1.0, 10.0], np.array([0, 1, 0, 1]))
    >>> path.coef.shape, path.oof_logits.argmax(2)[2].tolist()
    ((3, 2, 1), [0, 0, 1, 1])
    """
    X, grid, weight = _checked(X, y, classes, Cs, folds, sample_weight)
    k = int(folds.max()) + 1 if folds.max() > 0 else 0
    held = folds if k else np.zeros_like(folds)
    with single_threaded_blas():
        shared = _shared_matrix(X)
        dtype = shared.rows.dtype
        weights = np.tile(weight.astype(dtype), (k + 1, 1))
        if k:
            out = np.flatnonzero(folds >= 0)
            weights[folds[out], out] = 0
        oof = np.zeros((len(grid), len(X), classes), dtype)
        together = Lockstep(shared.rows, y, weights, classes, Lockstep.gram_of(shared.rows))
        walked = _walk_all(together, grid / (2.0 if classes == 2 else 1.0), held, oof, tol=tol, max_iter=max_iter)
        coef, intercept = shared.unfold(np.stack([w[-1].parameters[-1] for w in walked]).astype(np.float64))
    return LogisticPath(
        grid,
        coef,
        intercept,
        oof,
        *_scores(oof, y, held, weight),
        np.array([np.concatenate([part.iterations for part in w]) for w in walked]),
        np.array([np.concatenate([part.converged for part in w]) for w in walked]),
        shared.scale,
    )


def _walk_all(
    together: Lockstep, grid: Array, held: NDArray[np.int64], oof: NDArray[Any], *, tol: float, max_iter: int
) -> list[tuple[Solved, ...]]:
    """Walk the path of every problem, a few of them to a thread; for each C, what each thread found."""
    count = len(together.weights)
    size = max(1, COLUMNS // together.classes)
    chunks = [np.arange(i, min(i + size, count)) for i in range(0, count, size)]

    def work(problems: NDArray[np.intp]) -> list[Solved]:
        some = replace(together, weights=together.weights[problems])
        return _walk(some, grid, problems, held, oof, tol=tol, max_iter=max_iter)

    with ThreadPoolExecutor(min(len(chunks), _processors())) as pool:
        return list(zip(*pool.map(work, chunks), strict=True))


def _walk(
    together: Lockstep,
    grid: Array,
    problems: NDArray[np.intp],
    held: NDArray[np.int64],
    oof: NDArray[Any],
    *,
    tol: float,
    max_iter: int,
) -> list[Solved]:
    """From the strongest penalty to the weakest; each starts where the last two point to, linear in log C.

    A grid that begins with a weak penalty is approached from a strong one: a cold start there takes far longer.
    """
    approach = 10.0 ** np.arange(-1, np.log10(grid[0]) - 0.3, 0.5)
    steps = np.concatenate([approach, grid])
    before = now = np.zeros((len(problems), together.classes, together.X.shape[1]), together.X.dtype)
    path: list[Solved] = []
    for at, C in enumerate(steps.tolist()):
        ahead = 0.0
        if at > 1:
            ahead = min(1.0, float(np.log(steps[at] / steps[at - 1]) / np.log(steps[at - 1] / steps[at - 2])))
        only_passing = at < len(approach)
        aim = max(tol, APPROACH) if only_passing else tol
        found = together.solve(C, now + ahead * (now - before), tol=aim, max_iter=max_iter)
        before, now = now, found.parameters
        if only_passing:
            continue
        for position, problem in enumerate(problems):
            rows = held == problem
            oof[len(path), rows] = found.logits[position][:, rows].T
        path.append(Solved(found.parameters, np.empty(0), found.iterations, found.converged))
    return path


@dataclass(frozen=True)
class _Shared:
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


def _shared_matrix(X: NDArray[Any]) -> _Shared:
    """Centre, scale by one number, and, where examples are fewer than features, rotate into their span (exact)."""
    middle = X.mean(axis=0, dtype=np.float64)
    rows = np.ones((len(X), X.shape[1] + 1), np.float64 if X.size <= EXACT else np.float32)
    centred = rows[:, :-1]
    np.subtract(X, middle, out=centred, casting="same_kind")
    scale = float(np.sqrt(np.einsum("ij,ij->i", centred, centred).mean(dtype=np.float64))) or 1.0
    centred /= scale
    if len(X) >= X.shape[1]:
        return _Shared(rows, middle, scale, None)
    basis, right = np.linalg.qr(centred.T)
    return _Shared(np.hstack([right.T, rows[:, -1:]]), middle, scale, basis)


def _scores(oof: NDArray[Any], y: NDArray[np.int64], held: NDArray[np.int64], weight: Array) -> tuple[Array, Array]:
    top = oof.max(axis=2, keepdims=True)
    total = np.log(np.exp(oof - top).sum(axis=2, dtype=np.float64)) + top[:, :, 0]
    loss = total - oof[:, np.arange(len(y)), y]
    right = (oof.argmax(axis=2) == y).astype(np.float64)
    shares = [np.where(held == fold, weight, 0) for fold in range(int(held.max()) + 1)]
    share = np.stack([s / s.sum() for s in shares], axis=1)
    return loss @ share, right @ share


def _checked(
    X: NDArray[Any],
    y: NDArray[np.int64],
    classes: int,
    Cs: Sequence[float],
    folds: NDArray[np.int64],
    sample_weight: NDArray[Any] | None,
) -> tuple[NDArray[Any], Array, Array]:
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


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
