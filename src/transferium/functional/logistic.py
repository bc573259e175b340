"""Multinomial logistic regression over a whole grid of penalties and all folds at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.lbfgs import Solved
from transferium.functional.lockstep import Lockstep
from transferium.functional.path_data import check_path, fold_shares, shared_rows, single_threaded_blas
from transferium.system.hardware import usable_cores

Array = NDArray[np.float64]
COLUMNS = 32
"""Problems × classes solved in one matrix product. It does not depend on the machine, so neither does the result."""


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
    X, grid, weight = check_path(X, y, classes, Cs, folds, sample_weight)
    k = int(folds.max()) + 1 if folds.max() > 0 else 0
    held = folds if k else np.zeros_like(folds)
    with single_threaded_blas():
        shared = shared_rows(X)
        dtype = shared.rows.dtype
        weights = np.tile(weight.astype(dtype), (k + 1, 1))
        if k:
            out = np.flatnonzero(folds >= 0)
            weights[folds[out], out] = 0
        oof = np.zeros((len(grid), len(X), classes), dtype)
        together = Lockstep(shared.rows, weights, y, classes, Lockstep.gram_of(shared.rows))
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

    with ThreadPoolExecutor(min(len(chunks), usable_cores())) as pool:
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
    start = np.zeros((len(problems), together.classes, together.X.shape[1]), together.X.dtype)
    path: list[Solved] = []
    for found in together.walk(grid, start, tol=tol, max_iter=max_iter):
        for position, problem in enumerate(problems):
            rows = held == problem
            oof[len(path), rows] = found.logits[position][:, rows].T
        path.append(Solved(found.parameters, np.empty(0), found.iterations, found.converged))
    return path


def _scores(oof: NDArray[Any], y: NDArray[np.int64], held: NDArray[np.int64], weight: Array) -> tuple[Array, Array]:
    top = oof.max(axis=2, keepdims=True)
    total = np.log(np.exp(oof - top).sum(axis=2, dtype=np.float64)) + top[:, :, 0]
    loss = total - oof[:, np.arange(len(y)), y]
    right = (oof.argmax(axis=2) == y).astype(np.float64)
    share = fold_shares(held, weight)
    return loss @ share, right @ share
