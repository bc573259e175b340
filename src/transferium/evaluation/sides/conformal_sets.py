"""Answers with a stated coverage: sets of classes or ranges of amounts, calibrated on half of the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from transferium.errors import DataError
from transferium.evaluation.sides.looked import Array, Looked
from transferium.functional.bootstrap import AMOUNT, mean_interval
from transferium.functional.inference.conformal import class_scores, conformal_threshold
from transferium.problems.class_evaluation import accuracy_interval
from transferium.problems.classes import Classes
from transferium.problems.regression import Regression

STATED = (0.8, 0.9, 0.95)


def conformal_sets(looked: Looked) -> dict[str, Any]:
    """For each stated coverage: the threshold from a random half, and on the other half the coverage and mean size.

    A class is in the set where ``1 - p`` is at most the threshold; an amount is answered by a range of that half-width.
    The interval is that of the coverage which these very thresholds have on new examples. Examples that belong
    together are in one half. Raises ``DataError`` for other problems, and for examples that were learned from.
    """
    looked.need_fresh("a stated coverage")
    if looked.problem.kind not in SCORES:
        raise DataError(f"sets with a stated coverage are of classes and amounts, not of {looked.problem.said()}")
    score, sizes = SCORES[looked.problem.kind]
    domain, outputs = looked.held.domain, looked.held.outputs
    odd = score(domain.y, outputs)
    first = halves(len(domain), domain.groups, looked.seed)
    groups = None if domain.groups is None else domain.groups[~first]
    rows: list[dict[str, Any]] = []
    for stated in STATED:
        try:
            threshold = conformal_threshold(odd[first], stated)
        except DataError as error:
            rows.append({"stated": stated, "reason": str(error)})
            continue
        size = sizes(outputs[~first], threshold)
        right = odd[~first] <= threshold
        row: dict[str, Any] = {"stated": stated, "threshold": threshold}
        row["coverage"] = accuracy_interval(right, seed=looked.seed, groups=groups).as_dict()
        mean = mean_interval(size, seed=looked.seed, groups=groups, within=AMOUNT)
        rows.append(row | {"mean_size": mean.as_dict()})
    unit = "classes" if isinstance(looked.problem, Classes) else "in the unit of the amount"
    return {"calibrated_on": int(first.sum()), "checked_on": int((~first).sum()), "size": unit, "sets": rows}


def halves(n: int, groups: Array | None, seed: int) -> Array:
    """Which of ``n`` examples are in the first random half; whole groups are."""
    member = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(member.max()) + 1
    chosen: Array = (np.random.default_rng([seed, units]).permutation(units) < units // 2)[member]
    return chosen


def _of_the_class(y: Array, outputs: Array) -> Array:
    scores: Array = class_scores(outputs)[np.arange(len(y)), y]
    return scores


def _classes_in(outputs: Array, threshold: float) -> Array:
    sizes: Array = (class_scores(outputs) <= threshold).sum(axis=1)
    return sizes


def _of_the_amount(y: Array, outputs: Array) -> Array:
    far: Array = np.abs(outputs[:, 0] - y)
    return far


def _width(outputs: Array, threshold: float) -> Array:
    return np.full(len(outputs), 2 * threshold)


SCORES: dict[str, tuple[Callable[[Array, Array], Array], Callable[[Array, float], Array]]] = {
    Classes.kind: (_of_the_class, _classes_in),
    Regression.kind: (_of_the_amount, _width),
}
"""By kind of problem: how odd the true answers look ``(n,)``, and how large the answers are at a threshold."""
