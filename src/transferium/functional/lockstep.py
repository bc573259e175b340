"""Many softmax regressions on one matrix, solved together so that each pass over the data serves all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.lbfgs_memory import Pairs, column, inner

Array = NDArray[Any]
CHEAP = 2**30
"""Multiplications in ``X' X`` that cost less than the steps a fresh weighted product saves."""


@dataclass(frozen=True)
class Solved:
    """Parameters ``(problems, classes, width)``, logits ``(problems, classes, n)``, and how it went per problem."""

    parameters: Array
    logits: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class Lockstep:
    """Problems that share ``X (n, width)`` and differ in ``weights (problems, n)`` alone.

    Each minimises ``C Σ_i weight_i CE(y_i, softmax(W x_i)) + ½ ||W||²``; the last column of ``X`` is 1, and its
    parameters, the intercepts, carry no penalty. The method is L-BFGS; its initial inverse Hessian is the inverse of
    ``C X' diag(v) X + penalty`` with ``v_i`` the curvature of the softmax at the start, averaged over classes and
    problems, which for one problem of two classes is the Hessian itself. Where forming that product would cost more
    than it saves, ``gram`` (``X' X``) stands in, with the mean of ``v``. A direction's logits are computed once, so a
    line search costs no pass over ``X``.
    """

    X: Array
    y: NDArray[np.int64]
    weights: Array
    classes: int
    gram: Array | None = None

    @staticmethod
    def gram_of(X: Array) -> Array | None:
        """``X' X`` where ``X`` is too large to form a weighted product for every C."""
        return X.T @ X if X.size * X.shape[1] > CHEAP else None

    def solve(self, C: float, start: Array, *, tol: float, max_iter: int) -> Solved:
        """Descend from ``start`` until ``||gradient|| <= tol ||W||``, at most ``max_iter`` steps.

        The objective is 1-strongly convex in W, so a converged W is within ``tol ||W||`` of the optimum.
        """
        logits = self._logits(start)
        descent = Descent(self, C, start, logits, self._preconditioner(C, logits))
        solved = Solved(
            np.empty_like(start),
            np.empty_like(logits),
            np.full(len(start), max_iter),
            np.zeros(len(start), bool),
        )
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

    def _logits(self, W: Array) -> Array:
        flat: Array = W.reshape(-1, W.shape[2]) @ self.X.T
        return flat.reshape(len(W), self.classes, len(self.X))

    def _pull(self, R: Array) -> Array:
        flat: Array = R.reshape(-1, R.shape[2]) @ self.X
        return flat.reshape(len(R), self.classes, self.X.shape[1])

    def _preconditioner(self, C: float, logits: Array) -> Callable[[Array], Array]:
        from scipy.linalg import LinAlgError, cho_solve, cholesky

        p = softmax(logits)
        curvature = ((p * (1 - p)).sum(axis=1) * self.weights).mean(axis=0) / (self.classes - 1)
        if self.gram is None:
            rows = self.X * np.sqrt(curvature)[:, None]
            M = C * (rows.T @ rows).astype(np.float64)
        else:
            M = C * float(curvature.mean()) * self.gram.astype(np.float64)
        jitter = 4 * float(np.finfo(self.X.dtype).eps) * float(M.diagonal().max()) + 1e-12
        M[np.diag_indices(len(M) - 1)] += 1.0
        while True:
            M[np.diag_indices(len(M))] += jitter
            try:
                factor = cholesky(M, lower=True, check_finite=False).astype(self.X.dtype)
                break
            except LinAlgError:
                jitter *= 10

        def smooth(G: Array) -> Array:
            solved = cho_solve((factor, True), G.reshape(-1, G.shape[2]).T, check_finite=False)
            return np.ascontiguousarray(solved.T).reshape(G.shape)

        return smooth


class Descent:
    """The moving state of the problems that are not finished yet."""

    def __init__(self, of: Lockstep, C: float, W: Array, Z: Array, smooth: Callable[[Array], Array]) -> None:
        self.of, self.C, self.smooth = of, C, smooth
        self.W, self.Z, self.weights = W, Z, of.weights
        self.active = np.arange(len(W))
        self.stuck = np.zeros(len(W), bool)
        self.pairs = Pairs()
        self.G = self._gradient(residual(Z, of.y, self.weights))
        self.MG = smooth(self.G)

    def small(self, tol: float) -> NDArray[np.bool_]:
        """Which problems are solved; the floor matters only where the features say nothing and W is zero."""
        floor = 1e-6 * self.C * self.weights.sum(axis=1, dtype=np.float64)
        size = np.sqrt(inner(self._penalised(self.W), self.W))
        return np.asarray(np.sqrt(inner(self.G, self.G)) <= tol * np.maximum(size, floor))

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Go on with some of the problems."""
        for name in ("W", "Z", "G", "MG", "weights", "active", "stuck"):
            setattr(self, name, getattr(self, name)[mask])
        self.pairs.keep(mask)

    def step(self) -> None:
        """One step of every problem: a direction, its logits, a length, and the gradient where it ends."""
        direction = -self.pairs.solve(self.G, self.MG)
        rise = self.of._logits(direction)
        length, Z, R = self._search(direction, rise)
        move = column(length, direction) * direction
        G = self._gradient(R, self.W + move)
        MG = self.smooth(G)
        self.stuck = ~self.pairs.add(move, G - self.G, MG - self.MG)
        self.W, self.Z, self.G, self.MG = self.W + move, Z, G, MG

    def _search(self, direction: Array, rise: Array) -> tuple[NDArray[np.float64], Array, Array]:
        """Step lengths at which the slope has at most halved in size, by safeguarded secants on the slope alone.

        Along a convex objective the slope says everything; function values would drown in rounding.
        """
        first = inner(self.G, direction)
        along = inner(self._penalised(self.W), direction)
        square = inner(self._penalised(direction), direction)
        length, low, high = np.ones_like(first), np.zeros_like(first), np.full_like(first, np.inf)
        slope_low, slope_high = first.copy(), np.zeros_like(first)
        for _ in range(12):
            Z = self.Z + column(length, rise) * rise
            R = residual(Z, self.of.y, self.weights)
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

    def _gradient(self, R: Array, W: Array | None = None) -> Array:
        return self.C * self.of._pull(R) + self._penalised(self.W if W is None else W)

    @staticmethod
    def _penalised(W: Array) -> Array:
        W = W.copy()
        W[:, :, -1] = 0
        return W


def softmax(Z: Array) -> Array:
    """Probabilities of logits ``(problems, classes, n)``, over the classes."""
    p: Array = Z - Z.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def residual(Z: Array, y: NDArray[np.int64], weights: Array) -> Array:
    """Weighted ``softmax - onehot(y)``: the gradient of the loss in the logits ``(problems, classes, n)``."""
    R = softmax(Z)
    R[:, y, np.arange(len(y))] -= 1
    R *= weights[:, None, :]
    return R
