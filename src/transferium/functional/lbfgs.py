"""L-BFGS on many convex problems that share one matrix, each a step at a time, and along a grid of penalties."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[Any]
APPROACH = 1e-2
"""Tolerance on the way to the first C of a grid."""


class Pair(NamedTuple):
    """A step, what it did to the gradient, that change preconditioned, and ``1 / (step · change)``."""

    step: Array
    change: Array
    smoothed: Array
    rho: NDArray[np.float64]


class Pairs:
    """The last few steps of each of several problems; arrays are ``(problems, classes, width)``."""

    def __init__(self, memory: int = 8) -> None:
        self.memory = memory
        self.pairs: list[Pair] = []
        self.scale: NDArray[np.float64] | None = None

    def solve(self, gradient: Array, smoothed: Array) -> Array:
        """Approximately Hessian⁻¹ gradient; ``smoothed`` is the preconditioned gradient.

        The two-loop recursion (Nocedal and Wright, algorithm 7.4), with the preconditioner as the initial inverse
        Hessian. It is linear, so it is applied to the gradient and to each change once, never again.
        """
        left, taken = gradient.copy(), []
        result: Array = smoothed.copy()
        for pair in reversed(self.pairs):
            share = pair.rho * inner(pair.step, left)
            left -= column(share, left) * pair.change
            result -= column(share, left) * pair.smoothed
            taken.append(share)
        if self.scale is not None:
            result *= column(self.scale, result)
        for pair, share in zip(self.pairs, reversed(taken), strict=True):
            result += column(share - pair.rho * inner(pair.change, result), result) * pair.step
        return result

    def add(self, step: Array, change: Array, smoothed: Array) -> NDArray[np.bool_]:
        """Remember a step; False for problems where rounding has left no curvature to learn from."""
        curvature, length = inner(step, change), inner(change, smoothed)
        sound = (curvature > 0) & (length > 0) & np.isfinite(curvature) & np.isfinite(length)
        rho = np.where(sound, 1 / np.where(sound, curvature, 1), 0.0)
        self.scale = np.where(sound, curvature / np.where(sound, length, 1), 1.0)
        self.pairs = [*self.pairs, Pair(step, change, smoothed, rho)][-self.memory :]
        return sound

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the problems that are finished."""
        self.pairs = [Pair(*(part[mask] for part in pair)) for pair in self.pairs]
        self.scale = None if self.scale is None else self.scale[mask]


def inner(a: Array, b: Array) -> NDArray[np.float64]:
    """One inner product per problem."""
    return np.array([np.vdot(x, y) for x, y in zip(a, b, strict=True)], np.float64)


def column(values: NDArray[np.float64], like: Array) -> Array:
    """One number per problem, ready to multiply ``(problems, ., .)`` arrays without widening them."""
    return values.astype(like.dtype)[:, None, None]


def penalised(W: Array) -> Array:
    """``W`` without its last column, the intercepts, which carry no penalty."""
    W = W.copy()
    W[:, :, -1] = 0
    return W


@dataclass(frozen=True)
class Solved:
    """Parameters ``(problems, classes, width)``, logits ``(problems, classes, n)``, and how it went per problem."""

    parameters: Array
    logits: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class Problems(ABC):
    """Problems ``C Σ_i weight_i loss_i(W x_i) + ½ ||W||²`` on one ``X (n, width)``, a column of ones last.

    ``weights`` are ``(problems, n)``, ``W (problems, classes, width)``; each loss is convex. A subclass says its logits
    and its loss, and how it is descended.
    """

    X: Array
    weights: Array

    @abstractmethod
    def logits(self, W: Array) -> Array:
        """``W x_i`` for every row: ``(problems, classes, n)``."""

    @abstractmethod
    def residual(self, Z: Array) -> Array:
        """The gradient of the weighted losses in the logits, ``(problems, classes, n)``."""

    @abstractmethod
    def pull(self, R: Array) -> Array:
        """``residual`` back to parameters: ``R X``."""

    @abstractmethod
    def descent(self, C: float, W: Array, Z: Array) -> Descent:
        """The beginning of a descent from ``W``, whose logits are ``Z``."""

    def some(self, mask: NDArray[np.bool_]) -> Self:
        """Some of the problems."""
        return replace(self, weights=self.weights[mask])

    def solve(self, C: float, start: Array, *, tol: float, max_iter: int) -> Solved:
        """Descend from ``start`` until ``||gradient|| <= tol ||W||``, at most ``max_iter`` steps.

        The objective is 1-strongly convex in W, so a converged W is within ``tol ||W||`` of the optimum.
        """
        Z = self.logits(start)
        descent = self.descent(C, start, Z)
        iterations, converged = np.full(len(start), max_iter), np.zeros(len(start), bool)
        solved = Solved(np.empty_like(start), np.empty_like(Z), iterations, converged)
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

    def walk(self, grid: Array, start: Array, *, tol: float, max_iter: int) -> Iterator[Solved]:
        """The solutions of each C, from the strongest penalty to the weakest, the first from near ``start``.

        Each starts where the last two point to, linear in log C. A grid that begins with a weak penalty is approached
        from a strong one: a cold start there takes far longer.
        """
        approach = 10.0 ** np.arange(-1, np.log10(grid[0]) - 0.3, 0.5)
        steps = np.concatenate([approach, grid])
        before = now = start
        for at, C in enumerate(steps.tolist()):
            ahead = 0.0
            if at > 1:
                ahead = min(1.0, float(np.log(steps[at] / steps[at - 1]) / np.log(steps[at - 1] / steps[at - 2])))
            passing = at < len(approach)
            aim = max(tol, APPROACH) if passing else tol
            found = self.solve(C, now + ahead * (now - before), tol=aim, max_iter=max_iter)
            before, now = now, found.parameters
            if not passing:
                yield found


class Descent(ABC):
    """The moving state of the problems that are not finished yet; a subclass says how gradients are preconditioned."""

    moving: tuple[str, ...] = ("W", "Z", "G", "active", "stuck")
    """The attributes that hold one entry for each problem."""

    def __init__(self, of: Problems, C: float, W: Array, Z: Array) -> None:
        self.of, self.C, self.W, self.Z = of, C, W, Z
        self.active, self.stuck = np.arange(len(W)), np.zeros(len(W), bool)
        self.pairs = Pairs()
        self.G = C * of.pull(of.residual(Z)) + penalised(W)

    @abstractmethod
    def smoothed(self) -> Array:
        """The gradient, preconditioned."""

    @abstractmethod
    def smoothed_change(self, G: Array) -> Array:
        """The change to a new gradient ``G``, preconditioned."""

    def small(self, tol: float) -> NDArray[np.bool_]:
        """Which problems are solved; the floor matters only where the features say nothing and W is zero."""
        floor = 1e-6 * self.C * self.of.weights.sum(axis=1, dtype=np.float64)
        size = np.sqrt(inner(penalised(self.W), self.W))
        return np.asarray(np.sqrt(inner(self.G, self.G)) <= tol * np.maximum(size, floor))

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Go on with some of the problems."""
        self.of = self.of.some(mask)
        for name in self.moving:
            setattr(self, name, getattr(self, name)[mask])
        self.pairs.keep(mask)

    def step(self) -> None:
        """One step of every problem: a direction, its logits, a length, and the gradient where it ends."""
        direction = -self.pairs.solve(self.G, self.smoothed())
        length, Z, R = self._search(direction, self.of.logits(direction))
        move = column(length, direction) * direction
        W = self.W + move
        G = self.C * self.of.pull(R) + penalised(W)
        self.stuck = ~self.pairs.add(move, G - self.G, self.smoothed_change(G))
        self.W, self.Z, self.G = W, Z, G

    def _search(self, direction: Array, rise: Array) -> tuple[NDArray[np.float64], Array, Array]:
        """Step lengths at which the slope has at most halved in size, by safeguarded secants on the slope alone.

        Along a convex objective the slope says everything; function values would drown in rounding.
        """
        first = inner(self.G, direction)
        along = inner(penalised(self.W), direction)
        square = inner(penalised(direction), direction)
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
