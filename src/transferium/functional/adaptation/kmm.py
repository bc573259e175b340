"""Kernel mean matching: source weights that bring the source's mean in kernel space onto the target's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, median_bandwidth, squared_distances, two_domains


def kmm(
    source: Floats,
    target: Floats,
    *,
    bound: float = 10.0,
    slack: float | None = None,
    bandwidth: float | None = None,
    ridge: float = 1e-6,
) -> Array:
    """``min_β ½ βᵀ (K + ridge I) β - κᵀ β`` with ``0 <= β <= bound`` and ``|mean(β) - 1| <= slack``; shape ``(n,)``.

    ``K_ij = exp(-||s_i - s_j||² / bandwidth)`` and ``κ_i = n/m Σ_j k(s_i, t_j)``. ``slack`` None is the paper's
    ``(√n - 1)/√n``; ``bandwidth`` None the median squared distance of both domains together. ``bound`` 1 with ``slack``
    0 gives exactly ones: no re-weighting. Solved to machine precision by an accelerated projected gradient whose
    active set is then settled by linear equations; O(n²) memory, up to about 5,000 rows.

    For covariate shift (same ``p(y | x)``) with overlapping domains. Prefer ``logistic_ratio`` in high dimension, where
    kernels see all rows as equally far. Raises ``InputError`` for a bound below 1 (nothing is feasible) or a negative
    slack or ridge. Huang et al., Correcting sample selection bias by unlabeled data, NeurIPS 2006.

    >>> kmm(np.array([[0.0], [9.0]]), np.array([[9.0], [9.0]]), slack=0.0, bandwidth=1.0).round(3).tolist()
    [0.0, 2.0]
    """
    x, z = two_domains(source, target)
    n = len(x)
    slack = (np.sqrt(n) - 1) / np.sqrt(n) if slack is None else slack
    if bound < 1 or slack < 0 or ridge < 0:
        raise InputError(f"kmm needs bound >= 1, slack >= 0 and ridge >= 0; found {bound}, {slack} and {ridge}")
    if bound == 1 and slack == 0:
        return np.ones(n)
    if bandwidth is None:
        joint = np.concatenate([x, z])
        bandwidth = median_bandwidth(squared_distances(joint, joint))
    kernel = np.exp(-squared_distances(x, x) / bandwidth) + ridge * np.eye(n)
    wanted = n * np.exp(-squared_distances(x, z) / bandwidth).mean(axis=1)
    limits = (n * max(0.0, 1 - slack), n * (1 + slack))
    return _settle(kernel, wanted, bound, limits, _descend(kernel, wanted, bound, limits))


def _project(x: Array, bound: float, limits: tuple[float, float]) -> Array:
    """The nearest point of the box whose sum lies within ``limits``: one common shift, then clipping."""
    clipped = np.clip(x, 0.0, bound)
    total = clipped.sum()
    if limits[0] <= total <= limits[1]:
        return clipped
    goal = limits[0] if total < limits[0] else limits[1]
    # The clipped sum is piecewise linear and increasing in the shift, with bends at -x_i and bound - x_i.
    bends = np.sort(np.concatenate([-x, bound - x]))
    low, high = 0, len(bends) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if np.clip(x + bends[middle], 0.0, bound).sum() < goal else (low, middle)
    sums = [np.clip(x + bends[i], 0.0, bound).sum() for i in (low, high)]
    share = 0.0 if sums[1] == sums[0] else (goal - sums[0]) / (sums[1] - sums[0])
    out: Array = np.clip(x + bends[low] + share * (bends[high] - bends[low]), 0.0, bound)
    return out


def _descend(kernel: Array, wanted: Array, bound: float, limits: tuple[float, float], steps: int = 5000) -> Array:
    """FISTA with restarts."""
    rate = 1.0 / np.linalg.norm(kernel, 1)
    beta = ahead = _project(np.ones(len(wanted)), bound, limits)
    momentum = 1.0
    for _ in range(steps):
        step = _project(ahead - rate * (kernel @ ahead - wanted), bound, limits)
        if (ahead - step) @ (step - beta) > 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        moved = step - beta
        ahead, beta, momentum = step + (momentum - 1) / grown * moved, step, grown
        if np.abs(moved).max() < 1e-12:
            break
    return beta


def _settle(kernel: Array, wanted: Array, bound: float, limits: tuple[float, float], beta: Array) -> Array:
    """Solve the optimality equations on the active set found; move constraints in and out until they agree."""
    best, edge = beta, 1e-9 * bound
    tight = next((limit for limit in limits if abs(beta.sum() - limit) < 1e-7 * len(beta)), None)
    low, high = beta <= edge, beta >= bound - edge
    for _ in range(50):
        free = ~(low | high)
        if not free.any():
            break
        solved, price = _solve_free(
            kernel, wanted - bound * kernel[:, high].sum(axis=1), free, tight, bound * high.sum()
        )
        trial = np.where(high, bound, 0.0)
        trial[free] = solved
        slope = kernel @ trial - wanted + price
        next_low = (free & (trial < -edge)) | (low & (slope > -1e-9))
        next_high = (free & (trial > bound + edge)) | (high & (slope < 1e-9))
        if (next_low == low).all() and (next_high == high).all():
            feasible = limits[0] - 1e-6 <= trial.sum() <= limits[1] + 1e-6
            best = np.clip(trial, 0.0, bound) if feasible else best
            break
        low, high = next_low, next_high
    value = [0.5 * b @ kernel @ b - wanted @ b for b in (best, beta)]
    return best if value[0] <= value[1] + 1e-12 * abs(value[1]) else beta


def _solve_free(
    kernel: Array, wanted: Array, free: NDArray[np.bool_], tight: float | None, fixed: float
) -> tuple[Array, float]:
    """The free weights, and the multiplier of the sum where it is ``tight``."""
    inner, right = kernel[np.ix_(free, free)], wanted[free]
    if tight is None:
        return np.asarray(np.linalg.lstsq(inner, right, rcond=None)[0], dtype=np.float64), 0.0
    ones = np.ones((len(inner), 1))
    system = np.block([[inner, ones], [ones.T, np.zeros((1, 1))]])
    found: Array = np.asarray(np.linalg.lstsq(system, np.append(right, tight - fixed), rcond=None)[0], dtype=np.float64)
    return found[:-1], float(found[-1])
