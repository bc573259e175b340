"""Calibration: how far a classifier's confidence is from its accuracy, and the temperature that corrects it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.bootstrap import CELLS, TAIL, Interval, ends
from transferium.functional.linear_classifier import softmax

COLDEST, HOTTEST = 0.02, 50.0
NOT_FINITE = "a temperature cannot be fitted: some logits are not finite."


def fit_temperature(logits: NDArray[Any], y: NDArray[np.int64], sample_weight: NDArray[Any] | None = None) -> float:
    """The T that minimises the log-loss of ``softmax(logits / T)`` against smoothed targets, between 0.02 and 50.

    The target of an example is ``t = (n onehot(y) + 1 / k) / (n + 1)`` for k classes and n examples (the sum of the
    weights): one pseudo-example, spread over them all, that may belong to any class. Without it, a few examples that
    are all classified right would have T go to its floor, and one error later cost everything; with many it counts for
    nothing. Platt, "Probabilistic Outputs for Support Vector Machines" (1999), smooths his targets likewise.

    ``logits (n, classes)`` must come from models that did not see those examples. The loss is convex in 1/T, and the
    root of its slope is bisected in log T. Guo et al., "On Calibration of Modern Neural Networks" (2017).

    >>> logits = np.array([[8.0, 0.0], [8.0, 0.0], [0.0, 8.0], [0.0, 8.0]])
    >>> fit_temperature(logits, np.array([0, 1, 1, 1])) > 5  # sure of everything, right in three of four
    True
    """
    if len(logits) != len(y) or not len(y):
        raise DataError(f"a temperature needs a label for each row of logits; there are {len(logits)} and {len(y)}.")
    if not np.isfinite(logits).all():
        raise DataError(NOT_FINITE)
    scores = np.asarray(logits, np.float64)
    scores = scores - scores.mean(axis=1, keepdims=True)
    truth = scores[np.arange(len(y)), y]
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)

    aim = truth * weight.sum() / (weight.sum() + 1)  # Σ t score: a row's scores are centred, so 1 / k adds nothing

    def slope(inverse: float) -> float:
        return float(weight @ ((softmax(scores * inverse) * scores).sum(axis=1) - aim))

    return _root_in_temperature(slope, scores)


def fit_temperature_to(logits: NDArray[Any], shares: NDArray[Any]) -> float:
    """The T that minimises the cross-entropy of ``softmax(logits / T)`` against ``shares``, between 0.02 and 50.

    ``shares (n, classes)`` are another model's probabilities for the same rows, which stand for labels that nobody has:
    where both say the same the answers stay as sure as the other is, and where they differ they become less sure.

    >>> sure = np.array([[9.0, 0.0], [0.0, 9.0]])
    >>> fit_temperature_to(sure, np.array([[0.9, 0.1], [0.1, 0.9]])).__round__(1)  # 9 / T = log(0.9 / 0.1)
    4.1
    """
    if len(logits) != len(shares) or not len(shares):
        raise DataError(
            f"a temperature needs shares for each row of logits; there are {len(logits)} and {len(shares)}."
        )
    scores = np.asarray(logits, np.float64)
    if not np.isfinite(scores).all():
        raise DataError(NOT_FINITE)
    scores = scores - scores.mean(axis=1, keepdims=True)
    aim = float((shares * scores).sum())

    def slope(inverse: float) -> float:
        return float((softmax(scores * inverse) * scores).sum()) - aim

    return _root_in_temperature(slope, scores)


def _root_in_temperature(slope: Callable[[float], float], scores: NDArray[np.float64]) -> float:
    """The T at which ``slope(1 / T)``, which grows with 1 / T, is nought, or the end of the range that is nearest."""
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    if slope(np.exp(low)) >= 0:
        return 1.0 if not np.any(scores) else HOTTEST
    if slope(np.exp(high)) <= 0:
        return COLDEST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(np.exp(middle)) < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def confidence_bins(probabilities: NDArray[Any], bins: int = 15) -> NDArray[np.int64]:
    """The bin, from 0, of each row's largest probability: ``bins`` equal intervals ``(low, high]`` of 0 to 1."""
    upper = np.ceil(np.asarray(probabilities).max(axis=1) * bins).astype(np.int64)
    inside: NDArray[np.int64] = np.clip(upper - 1, 0, bins - 1)
    return inside


def calibration_error(probabilities: NDArray[Any], y: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error ``Σ_b |Σ_{i in b} (confidence_i - right_i)| / n`` over equal-width bins.

    It is biased upwards where bins hold few examples, so compare it between models on the same examples only.
    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).

    >>> calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])).__round__(3)
    0.3
    """
    at = confidence_bins(probabilities, bins)
    gap = probabilities.max(axis=1) - (probabilities.argmax(axis=1) == y)
    return float(np.abs(np.bincount(at, weights=gap, minlength=bins)).sum() / len(y))


def error_by_chance(
    probabilities: NDArray[Any],
    *,
    seed: int,
    member: NDArray[np.int64] | None = None,
    groups: NDArray[Any] | None = None,
    bins: int = 15,
    draws: int = 200,
) -> float:
    """The calibration error that a perfectly calibrated classifier stays below in 97.5 % of samples.

    Each answer is right by chance, as often as its confidence says, ``draws`` times over; a group is right or wrong as
    one. ``member (n,)`` are bins other than those of equal width. An error below this one may truly be nought.
    Bröcker and Smith, Increasing the reliability of reliability diagrams, 2007.

    >>> error_by_chance(np.full((100, 2), 0.5), seed=0) > 0.05
    True
    """
    sure, rng = probabilities.max(axis=1), np.random.default_rng([seed, draws])
    at = confidence_bins(probabilities, bins) if member is None else member
    unit = np.arange(len(sure)) if groups is None else np.unique(groups, return_inverse=True)[1]
    order = np.argsort(at, kind="stable")
    starts = np.unique(at[order], return_index=True)[1]
    sure, unit, units = sure[order], unit[order], int(unit.max()) + 1
    errors = []
    for _ in range(0, draws, block := max(1, CELLS // max(units, len(sure)))):
        gap = sure - (rng.random((min(block, draws), units))[:, unit] < sure)
        errors.append(np.abs(np.add.reduceat(gap, starts, axis=1)).sum(axis=1) / len(sure))
    return float(np.quantile(np.concatenate(errors)[:draws], 1 - TAIL))


def error_interval(value: float, samples: NDArray[Any], by_chance: float, units: int) -> Interval:
    """The interval of a calibration error from its bootstrap ``samples`` of so many ``units`` (independent examples).

    These lie higher than it by a bias of theirs, and the estimate itself is as much too high again. So the low end is
    moved down by twice that bias, and is nought where a perfectly calibrated classifier may show such an error; the
    high end, by it once.

    >>> print(error_interval(0.1, np.linspace(0.1, 0.2, 101), 0.02, 10**6))
    0.100 (0.002 to 0.148)
    """
    low, high = (float(end) for end in ends(samples, units))
    if math.isinf(high):
        return Interval(value, low, high)
    bias = float(samples.mean()) - value
    least = 0.0 if value <= by_chance else max(0.0, min(value, low - 2 * bias))
    return Interval(value, least, min(1.0, max(value, high - bias)))


def reliability(probabilities: NDArray[Any], y: NDArray[np.int64], bins: int = 15) -> list[dict[str, Any]]:
    """A reliability diagram as a table: mean confidence, share right and count of each bin that holds anything.

    >>> reliability(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1]))
    [{'confidence': 0.8, 'accuracy': 0.5, 'count': 2}]
    """
    at, sure, right = confidence_bins(probabilities, bins), probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    table = []
    for b in np.unique(at):
        inside = at == b
        row = {"confidence": float(sure[inside].mean()), "accuracy": float(right[inside].mean())}
        table.append(row | {"count": int(inside.sum())})
    return table
