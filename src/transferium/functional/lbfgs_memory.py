"""The memory of L-BFGS, kept for many problems at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
        left, result, taken = gradient.copy(), smoothed.copy(), []
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
