"""One binary logistic regression per label, over a whole grid of penalties and all folds at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.lbfgs_memory import Pairs, column, inner
from transferium.functional.logistic import _checked, _processors, _shared_matrix, single_threaded_blas

Array = NDArray[Any]
Floats = NDArray[np.float64]
TOGETHER = 32
"""Problems solved in one matrix product. It does not depend on the machine, so neither does the result."""
APPROACH = 1e-2
"""Tolerance on the way to the first C of a grid."""
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
    X, grid, weight = _checked(X, Y, 2, Cs, fold, weights)
    if Y.ndim != 2 or not Y.shape[1]:
        raise DataError(f"labels must be an array (examples, labels) with at least 1 label; it was {Y.shape}.")
    if not np.isin(Y, (0, 1)).all():
        raise DataError("labels must be 0 or 1, one column each; some are neither.")
    folds = int(fold.max()) + 1 if fold.max() > 0 else 0
    held, labels = fold if folds else np.zeros_like(fold), Y.shape[1]
    with single_threaded_blas():
        shared = _shared_matrix(X)
        rows, basis = _rotated(shared.rows)
        squares = np.square(rows)
        truth = np.ascontiguousarray(Y.T, rows.dtype)
        oof = np.zeros((len(grid), len(X), labels), rows.dtype)
        tol = tol if rows.dtype == np.float64 else max(tol, SINGLE)
        everything = [(label, left) for label in range(labels) for left in range(folds + 1)]
        chunks = [everything[i : i + TOGETHER] for i in range(0, len(everything), TOGETHER)]

        def work(some: list[tuple[int, int]]) -> list[_Solved]:
            label, left = np.array(some).T
            counted = np.stack([weight * (held != out) if folds else weight for out in left]).astype(rows.dtype)
            return _walk(_Problems(rows, squares, truth[label], counted), grid, label, left, held, oof, tol, max_iter)

        with ThreadPoolExecutor(min(len(chunks), _processors())) as pool:
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
class _Solved:
    """Parameters ``(problems, 1, width)``, log-odds ``(problems, 1, n)``, and how it went per problem."""

    parameters: Array
    logits: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class _Problems:
    """Binary problems on one ``X (n, width)``, a column of ones last, with ``truth`` and ``weights (problems, n)``.

    ``squares`` are those of ``X``.
    """

    X: Array
    squares: Array
    truth: Array
    weights: Array

    def some(self, mask: NDArray[np.bool_]) -> _Problems:
        return replace(self, truth=self.truth[mask], weights=self.weights[mask])

    def logits(self, W: Array) -> Array:
        flat: Array = W[:, 0] @ self.X.T
        return flat[:, None]

    def residual(self, Z: Array) -> Array:
        """Weighted ``sigmoid - truth``: the gradient of the loss in the log-odds ``(problems, 1, n)``."""
        R = _sigmoid(Z)
        R -= self.truth[:, None]
        R *= self.weights[:, None]
        return R

    def pull(self, R: Array) -> Array:
        flat: Array = R[:, 0] @ self.X
        return flat[:, None]

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


class _Descent:
    """The moving state of the problems that are not finished yet: L-BFGS, every problem a step at a time."""

    def __init__(self, of: _Problems, C: float, W: Array, Z: Array, diagonal: Array) -> None:
        self.of, self.C, self.W, self.Z, self.diagonal = of, C, W, Z, diagonal
        self.active, self.stuck = np.arange(len(W)), np.zeros(len(W), bool)
        self.pairs = Pairs()
        self.G = C * of.pull(of.residual(Z)) + _penalised(W)

    def small(self, tol: float) -> NDArray[np.bool_]:
        """Which problems are solved: the slope is small beside W, and a step of the intercept alone would be too.

        The floor matters only where the features say nothing and W is zero.
        """
        floor = 1e-6 * self.C * self.of.weights.sum(axis=1, dtype=np.float64)
        size = np.maximum(np.sqrt(inner(_penalised(self.W), self.W)), floor)
        step = np.abs(self.G[:, 0, -1] / self.diagonal[:, 0, -1])
        return np.asarray((np.sqrt(inner(self.G, self.G)) <= tol * size) & (step <= tol))

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Go on with some of the problems."""
        self.of = self.of.some(mask)
        for name in ("W", "Z", "G", "diagonal", "active", "stuck"):
            setattr(self, name, getattr(self, name)[mask])
        self.pairs.keep(mask)

    def step(self) -> None:
        """One step of every problem: a direction, its log-odds, a length, and the slope where it ends."""
        direction = -self.pairs.solve(self.G, self.G / self.diagonal)
        length, Z, R = self._search(direction, self.of.logits(direction))
        move = column(length, direction) * direction
        W = self.W + move
        G = self.C * self.of.pull(R) + _penalised(W)
        change = G - self.G
        self.stuck = ~self.pairs.add(move, change, change / self.diagonal)
        self.W, self.Z, self.G = W, Z, G

    def _search(self, direction: Array, rise: Array) -> tuple[Floats, Array, Array]:
        """Step lengths at which the slope has at most halved in size, by safeguarded secants on the slope alone."""
        first = inner(self.G, direction)
        along = inner(_penalised(self.W), direction)
        square = inner(_penalised(direction), direction)
        length, low, high = np.ones_like(first), np.zeros_like(first), np.full_like(first, np.inf)
        slope_low, slope_high = first.copy(), np.zeros_like(first)
        for _ in range(12):
            Z = self.Z + column(length, rise) * rise
            R = self.of.residual(Z)
            slope = self.C * inner(R, rise) + along + length * square
            bad = np.abs(slope) > 0.5 * np.abs(first)
            if not bad.any():
                break
            up, down = bad & (slope > 0), bad & (slope <= 0)
            high[up], slope_high[up] = length[up], slope[up]
            low[down], slope_low[down] = length[down], slope[down]
            bounded = np.isfinite(high)
            width, fall = np.where(bounded, high - low, 0), np.where(bounded, slope_high - slope_low, 1)
            length = np.where(bad, np.where(bounded, low - slope_low * width / fall, 4 * length), length)
        return length, Z, R


def _solve(of: _Problems, C: float, start: Array, tol: float, max_iter: int) -> _Solved:
    """Descend from ``start`` until each problem is solved, at most ``max_iter`` steps."""
    Z = of.logits(start)
    descent = _Descent(of, C, start, Z, of.curvature(C, Z))
    solved = _Solved(np.empty_like(start), np.empty_like(Z), np.full(len(start), max_iter), np.zeros(len(start), bool))
    for iteration in range(max_iter + 1):
        done = descent.small(tol)
        solved.iterations[descent.active[done]] = iteration
        solved.converged[descent.active[done]] = True
        stop = np.ones(len(done), bool) if iteration == max_iter else done | descent.stuck
        solved.parameters[descent.active[stop]] = descent.W[stop]
        solved.logits[descent.active[stop]] = descent.Z[stop]
        if stop.all():
            break
        if stop.any():
            descent.keep(~stop)
        descent.step()
    return solved


def _walk(
    problems: _Problems,
    grid: Floats,
    label: NDArray[np.int64],
    left: NDArray[np.int64],
    held: NDArray[np.int64],
    oof: Array,
    tol: float,
    max_iter: int,
) -> list[_Solved]:
    """From the strongest penalty to the weakest; each starts where the last two point to, linear in log C.

    A grid that begins with a weak penalty is approached from a strong one: a cold start there takes far longer.
    """
    approach = 10.0 ** np.arange(-1, np.log10(grid[0]) - 0.3, 0.5)
    steps = np.concatenate([approach, grid])
    constant, odds = problems.log_odds()
    alone = np.zeros((len(label), 1, problems.X.shape[1]), problems.X.dtype)
    alone[:, 0, -1] = odds
    moving = problems.some(~constant)
    before = now = alone[~constant]
    path: list[_Solved] = []
    for at, C in enumerate(steps.tolist()):
        ahead = 0.0
        if at > 1:
            ahead = min(1.0, float(np.log(steps[at] / steps[at - 1]) / np.log(steps[at - 1] / steps[at - 2])))
        passing = at < len(approach)
        aim = max(tol, APPROACH) if passing else tol
        found = _solve(moving, C, now + ahead * (now - before), aim, max_iter)
        before, now = now, found.parameters
        if passing:
            continue
        logits = np.repeat(odds[:, None].astype(oof.dtype), len(held), axis=1)
        logits[~constant] = found.logits[:, 0]
        for position, (column_of, out) in enumerate(zip(label, left, strict=True)):
            rows = held == out
            oof[len(path), rows, column_of] = logits[position, rows]
        path.append(_with_constants(found, alone, ~constant))
    return path


def _with_constants(found: _Solved, alone: Array, moving: NDArray[np.bool_]) -> _Solved:
    """The solutions, each at its place among all problems; the others are solved before they begin."""
    parameters, iterations, converged = alone.copy(), np.zeros(len(alone), np.int64), np.ones(len(alone), bool)
    parameters[moving], iterations[moving], converged[moving] = found.parameters, found.iterations, found.converged
    return _Solved(parameters, np.empty(0), iterations, converged)


def _joined(parts: tuple[_Solved, ...], labels: int, models: int) -> _Solved:
    """The solutions of all chunks for one C, as ``(labels, models, …)``."""
    parameters = np.concatenate([part.parameters[:, 0] for part in parts])
    return _Solved(
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


def _penalised(W: Array) -> Array:
    W = W.copy()
    W[:, :, -1] = 0
    return W


def _scores(oof: Array, Y: NDArray[np.bool_], held: NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean cross-entropy and micro F1 of each held-out fold, ``(C, folds)``."""
    shares = [np.where(held == fold, weight, 0) for fold in range(int(held.max()) + 1)]
    share = np.stack([s / s.sum() for s in shares], axis=1)
    losses, f1 = [], []
    for scores in oof:
        said = scores > 0
        loss = (np.logaddexp(0, scores) - scores * Y).mean(axis=1, dtype=np.float64)
        both, whole = (said & Y).sum(axis=1) @ share, (said.sum(axis=1) + Y.sum(axis=1)) @ share
        losses.append(loss @ share)
        f1.append(2 * both / np.where(whole > 0, whole, 1))
    return np.stack(losses), np.stack(f1)
