"""One binary logistic regression per label, over a whole grid of penalties and all folds at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.lbfgs import Descent, Problems, Solved
from transferium.functional.path_data import check_path, fold_shares, shared_rows, single_threaded_blas
from transferium.system.hardware import usable_cores

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[Any]
Floats = NDArray[np.float64]
TOGETHER = 32
"""Problems solved in one matrix product. It does not depend on the machine, so neither does the result."""
SINGLE = 1e-3
"""The least tolerance where features are so many that products are float32; rounding would not let a smaller one be."""


@dataclass(frozen=True)
class OneVsRestPath:
    """Models of k labels for every C on all examples, and what those of the folds say about what they never saw.

    ``coef (C, k, width)`` and ``intercept (C, k)`` are in units of the features as given. ``oof_scores (C, n, k)`` are
    log-odds. ``log_loss (C, folds)`` is the weighted mean over a held-out fold of the binary cross-entropy, averaged
    over labels; ``micro_f1 (C, folds)`` takes a label as present where its log-odds are above 0. ``iterations`` (the
    most of any label) and ``converged`` (every label) are ``(C, folds + 1)``, the models of all examples last.
    """

    Cs: Floats
    coef: Floats
    intercept: Floats
    oof_scores: Array
    log_loss: Floats
    micro_f1: Floats
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    scale: float


def fit_one_vs_rest(
    X: Array,
    Y: Array,
    Cs: Sequence[float],
    fold: NDArray[np.int64],
    weights: Array | None = None,
    *,
    tol: float = 1e-4,
    max_iter: int = 500,
) -> OneVsRestPath:
    """Minimise ``C Σ_i w_i BCE(Y_il, sigmoid(w_l · z_i + b_l)) + ½ ||w_l||²`` for each label l, C and fold.

    ``X (n, width)``, ``Y (n, k)`` of 0 and 1, ``fold (n,)`` and ``weights (n,)`` or None for ones. ``z``, C and folds
    are those of :func:`~transferium.functional.logistic.fit_path`: ``z`` is ``X`` centred and divided by one number,
    so scikit-learn's C on ``X`` itself is ``C / scale²``; ``fold[i]`` is the fold that holds ``i`` out, from 0, and -1
    where it is never held out (``oof_scores`` are then 0). A single fold holds nothing out: its scores are those of
    the models of all examples on what they saw.

    A label with one value alone among the examples that a model learns from has no optimum. It gets coefficients of 0
    and the log-odds of ``(Σ w Y + ½) / (Σ w + 1)``.

    ``w_l`` is within ``tol ||w_l||`` of the optimum where ``converged`` (``tol`` is at least 1e-3 where features are so
    many that ``fit_path`` would multiply in float32). The method is L-BFGS in the basis of ``X' X``'s
    eigenvectors, where the diagonal of each label's Hessian is a good preconditioner. Raises ``DataError`` for features
    that are not finite and labels other than 0 and 1. The same numbers whatever the number of processors.

    >>> X, Y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([[0, 1], [0, 1], [1, 1], [1, 1]])
    >>> path = fit_one_vs_rest(X, Y, [0.1, 1.0, 10.0], np.array([0, 1, 0, 1]))
    >>> path.coef.shape, (path.oof_scores[2] > 0).astype(int).tolist()
    ((3, 2, 1), [[0, 1], [0, 1], [1, 1], [1, 1]])
    """
    X, grid, weight = check_path(X, Y, 2, Cs, fold, weights)
    if Y.ndim != 2 or not Y.shape[1]:
        raise DataError(f"labels must be an array (examples, labels) with at least 1 label; it was {Y.shape}.")
    if not np.isin(Y, (0, 1)).all():
        raise DataError("labels must be 0 or 1, one column each; some are neither.")
    folds = int(fold.max()) + 1 if fold.max() > 0 else 0
    held, labels = fold if folds else np.zeros_like(fold), Y.shape[1]
    with single_threaded_blas():
        shared = shared_rows(X)
        rows, basis = _rotated(shared.rows)
        squares = np.square(rows)
        truth = np.ascontiguousarray(Y.T, rows.dtype)
        oof = np.zeros((len(grid), len(X), labels), rows.dtype)
        tol = tol if rows.dtype == np.float64 else max(tol, SINGLE)
        everything = [(label, left) for label in range(labels) for left in range(folds + 1)]
        chunks = [everything[i : i + TOGETHER] for i in range(0, len(everything), TOGETHER)]

        def work(some: list[tuple[int, int]]) -> list[Solved]:
            label, left = np.array(some).T
            counted = np.stack([weight * (held != out) if folds else weight for out in left]).astype(rows.dtype)
            return _walk(_Binary(rows, counted, squares, truth[label]), grid, label, left, held, oof, tol, max_iter)

        with ThreadPoolExecutor(min(len(chunks), usable_cores())) as pool:
            walked = [_joined(parts, labels, folds + 1) for parts in zip(*pool.map(work, chunks), strict=True)]
        last = np.stack([step.parameters[:, -1] for step in walked]).astype(np.float64)
        last[..., :-1] = last[..., :-1] @ basis.T
        coef, intercept = shared.unfold(last)
    return OneVsRestPath(
        grid,
        coef,
        intercept,
        oof,
        *_scores(oof, Y.astype(bool), held, weight),
        np.stack([step.iterations.max(axis=0) for step in walked]),
        np.stack([step.converged.all(axis=0) for step in walked]),
        shared.scale,
    )


@dataclass(frozen=True)
class _Binary(Problems):
    """Binary problems of ``truth (problems, n)``; ``squares`` are those of ``X``."""

    squares: Array
    truth: Array

    def some(self, mask: NDArray[np.bool_]) -> Self:
        return replace(super().some(mask), truth=self.truth[mask])

    def logits(self, W: Array) -> Array:
        flat: Array = W[:, 0] @ self.X.T
        return flat[:, None]

    def residual(self, Z: Array) -> Array:
        """Weighted ``sigmoid - truth``."""
        R = _sigmoid(Z)
        R -= self.truth[:, None]
        R *= self.weights[:, None]
        return R

    def pull(self, R: Array) -> Array:
        flat: Array = R[:, 0] @ self.X
        return flat[:, None]

    def descent(self, C: float, W: Array, Z: Array) -> Descent:
        return _Descent(self, C, W, Z, self.curvature(C, Z))

    def curvature(self, C: float, Z: Array) -> Array:
        """The Hessian's diagonal ``C Σ_i w_i p_i (1 - p_i) x_ij² + 1``; the last, of the intercept, has no 1."""
        p = _sigmoid(Z[:, 0])
        p *= 1 - p
        p *= self.weights
        diagonal: Array = C * (p @ self.squares)
        diagonal[:, :-1] += 1
        diagonal[:, -1] = np.maximum(diagonal[:, -1], np.finfo(diagonal.dtype).tiny ** 0.25)
        return diagonal[:, None]

    def log_odds(self) -> tuple[NDArray[np.bool_], Array]:
        """Which labels have one value alone where weights are not 0, and the smoothed log-odds of each."""
        yes = (self.weights * self.truth).sum(axis=1, dtype=np.float64)
        no = (self.weights * (1 - self.truth)).sum(axis=1, dtype=np.float64)
        return (yes == 0) | (no == 0), np.log((yes + 0.5) / (no + 0.5))


class _Descent(Descent):
    """Each problem is preconditioned by the diagonal of its own Hessian."""

    moving = (*Descent.moving, "diagonal")

    def __init__(self, of: _Binary, C: float, W: Array, Z: Array, diagonal: Array) -> None:
        super().__init__(of, C, W, Z)
        self.diagonal = diagonal

    def smoothed(self) -> Array:
        return self.G / self.diagonal

    def smoothed_change(self, G: Array) -> Array:
        return (G - self.G) / self.diagonal

    def small(self, tol: float) -> NDArray[np.bool_]:
        """Which problems are solved: the slope is small beside W, and a step of the intercept alone would be too."""
        step = np.abs(self.G[:, 0, -1] / self.diagonal[:, 0, -1])
        return super().small(tol) & (step <= tol)


def _walk(
    problems: _Binary,
    grid: Floats,
    label: NDArray[np.int64],
    left: NDArray[np.int64],
    held: NDArray[np.int64],
    oof: Array,
    tol: float,
    max_iter: int,
) -> list[Solved]:
    """Solve what is to be solved for each C; labels of one value alone have their log-odds."""
    constant, odds = problems.log_odds()
    alone = np.zeros((len(label), 1, problems.X.shape[1]), problems.X.dtype)
    alone[:, 0, -1] = odds
    path: list[Solved] = []
    for found in problems.some(~constant).walk(grid, alone[~constant], tol=tol, max_iter=max_iter):
        logits = np.repeat(odds[:, None].astype(oof.dtype), len(held), axis=1)
        logits[~constant] = found.logits[:, 0]
        for position, (column_of, out) in enumerate(zip(label, left, strict=True)):
            rows = held == out
            oof[len(path), rows, column_of] = logits[position, rows]
        path.append(_with_constants(found, alone, ~constant))
    return path


def _with_constants(found: Solved, alone: Array, moving: NDArray[np.bool_]) -> Solved:
    """The solutions, each at its place among all problems; the others are solved before they begin."""
    parameters, iterations, converged = alone.copy(), np.zeros(len(alone), np.int64), np.ones(len(alone), bool)
    parameters[moving], iterations[moving], converged[moving] = found.parameters, found.iterations, found.converged
    return Solved(parameters, np.empty(0), iterations, converged)


def _joined(parts: tuple[Solved, ...], labels: int, models: int) -> Solved:
    """The solutions of all chunks for one C, as ``(labels, models, …)``."""
    parameters = np.concatenate([part.parameters[:, 0] for part in parts])
    return Solved(
        parameters.reshape(labels, models, -1),
        np.empty(0),
        np.concatenate([part.iterations for part in parts]).reshape(labels, models),
        np.concatenate([part.converged for part in parts]).reshape(labels, models),
    )


def _rotated(rows: Array) -> tuple[Array, Floats]:
    """The rows in the basis of their second moment's eigenvectors, the column of ones as it is; and that basis."""
    inside = rows[:, :-1]
    _, basis = np.linalg.eigh((inside.T @ inside).astype(np.float64))
    return np.hstack([inside @ basis.astype(rows.dtype), rows[:, -1:]]), basis


def _sigmoid(Z: Array) -> Array:
    p: Array = Z * Z.dtype.type(0.5)
    np.tanh(p, out=p)
    p += 1
    p *= Z.dtype.type(0.5)
    return p


def _scores(oof: Array, Y: NDArray[np.bool_], held: NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean cross-entropy and micro F1 of each held-out fold, ``(C, folds)``."""
    share = fold_shares(held, weight)
    losses, f1 = [], []
    for scores in oof:
        said = scores > 0
        loss = (np.logaddexp(0, scores) - scores * Y).mean(axis=1, dtype=np.float64)
        both, whole = (said & Y).sum(axis=1) @ share, (said.sum(axis=1) + Y.sum(axis=1)) @ share
        losses.append(loss @ share)
        f1.append(2 * both / np.where(whole > 0, whole, 1))
    return np.stack(losses), np.stack(f1)
