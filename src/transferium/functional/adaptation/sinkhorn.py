"""Entropic optimal transport: Sinkhorn's scaling, computed with potentials so that small entries do not become 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, distribution_of, matrix


@dataclass(frozen=True, eq=False)
class EntropicPlan:
    """The plan ``exp((f_i + g_j - cost_ij) / regularisation)``, its transport cost, and how far its row sums are off.

    ``error`` is the L1 distance of the row sums from the wanted ones (column sums are exact), ``sweeps`` the number of
    scalings made; ``error`` above the tolerance means that the sweeps ran out.
    """

    matrix: Array
    cost: float
    error: float
    sweeps: int


def sinkhorn(
    cost: Floats,
    source: Floats | None = None,
    target: Floats | None = None,
    *,
    regularisation: float,
    tolerance: float = 1e-9,
    sweeps: int = 20_000,
) -> EntropicPlan:
    """``min_P <P, cost> - regularisation · H(P)`` over plans with the given row and column sums.

    ``cost (n, m)``; sums are equal shares for None. Scaling runs by matrix products around potentials that are absorbed
    by exact log-sum-exp sweeps, after a coarse-to-fine pass over larger regularisations, so that it is as fast as the
    plain algorithm and as safe as the log-domain one. As ``regularisation`` (in units of the cost) grows the plan goes
    to the outer product of the sums, as it falls to an exact plan, ever more slowly: prefer ``exact_plan`` below about
    a thousandth of the median cost. Raises ``InputError`` for a regularisation that is not positive.
    Cuturi, Sinkhorn distances, NeurIPS 2013; Schmitzer, Stabilized sparse scaling algorithms, SIAM J. Sci. Comput.
    2019.

    >>> sinkhorn(np.array([[0.0, 1.0], [1.0, 0.0]]), regularisation=0.1).matrix.round(4).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    c = matrix(cost, "cost")
    if regularisation <= 0:
        raise InputError(f"regularisation={regularisation} must be above 0; use exact_plan for none")
    a, b = distribution_of(source, c.shape[0], "source"), distribution_of(target, c.shape[1], "target")
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    inner, f, g = c[np.ix_(rows, columns)], np.zeros(len(rows)), np.zeros(len(columns))
    marginals, done = (a[rows], b[columns]), 0
    for level in _levels(float(np.ptp(inner)), regularisation):
        last = level == regularisation
        goal, budget = (tolerance, sweeps - done) if last else (1e-2, 200)
        f, g, made = _scale(inner, *marginals, f, g, level, goal, budget)
        done += made
    plan = np.zeros_like(c)
    plan[np.ix_(rows, columns)] = np.exp((f[:, None] + g - inner) / regularisation)
    return EntropicPlan(plan, float((plan * c).sum()), float(np.abs(plan.sum(axis=1) - a).sum()), done)


def _levels(spread: float, last: float) -> list[float]:
    """Regularisations from the spread of the costs down to the wanted one, by quarters."""
    levels = [last]
    while levels[-1] * 4 < spread:
        levels.append(levels[-1] * 4)
    return levels[::-1]


def _scale(
    cost: Array, a: Array, b: Array, f: Array, g: Array, level: float, tolerance: float, budget: int
) -> tuple[Array, Array, int]:
    """Sweep until the row sums are within ``tolerance`` (L1) of ``a`` or ``budget`` is spent."""
    made = 0
    while made < budget:
        f = level * (np.log(a) - _logsumexp((g - cost) / level, axis=1))
        g = level * (np.log(b) - _logsumexp((f[:, None] - cost) / level, axis=0))
        kernel = np.exp((f[:, None] + g - cost) / level)
        made += 1
        if np.abs(kernel.sum(axis=1) - a).sum() <= tolerance:
            break
        u, v, swept = _products(kernel, a, b, tolerance, min(budget - made, 100))
        f, g, made = f + level * np.log(u), g + level * np.log(v), made + swept
    return f, g, made


def _products(kernel: Array, a: Array, b: Array, tolerance: float, budget: int) -> tuple[Array, Array, int]:
    """Plain scaling of a kernel whose column sums are right, stopped before a factor becomes too large."""
    u, v = np.ones(len(a)), np.ones(len(b))
    for sweep in range(budget):
        sums = kernel @ v
        if np.abs(u * sums - a).sum() <= tolerance:
            return u, v, sweep
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            next_u = a / sums
            next_v = b / (kernel.T @ next_u)
            size = max(np.abs(np.log(next_u)).max(), np.abs(np.log(next_v)).max())
        if not size < 100.0:
            return u, v, sweep
        u, v = next_u, next_v
    return u, v, budget


def _logsumexp(x: Array, axis: int) -> Array:
    top = x.max(axis=axis, keepdims=True)
    out: Array = np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)
    return out
