"""Whether a model can tell that examples are of another kind than those that it learned from."""

from __future__ import annotations

from typing import Any

import numpy as np

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.evaluation.sides.looked import Array, Looked
from transferium.functional.bootstrap import Interval, bootstrap, units_of
from transferium.functional.matrices import squared_distances, unit_rows
from transferium.functional.metrics.class_metrics import ranking_statistics
from transferium.problems.classes import Classes
from transferium.problems.evaluation import interval_of

NEIGHBOUR = 5
"""The neighbour whose distance counts: of fewer examples, the last one."""
MOST, BLOCK = 1000, 500
"""The most examples of each side, and how many are compared with all that was learned from at a time."""


def out_of_distribution(looked: Looked, against: Domain) -> dict[str, Any]:
    """How well three scores set the examples of ``against`` apart from those evaluated on: areas under the ROC curve.

    1: each example of the other domain looks stranger than each of this one; 0.5: as chance has it. ``max_probability``
    is ``1 - max p``, ``energy`` is ``-log Σ exp(logits)`` (Liu et al., 2020), both of classes alone; ``distance`` is
    that of features of length 1 to the fifth nearest of what was learned from (Sun et al., 2022), which must be among
    what was given. No label of ``against`` is read, and examples that are in both are left out (``shared``).
    """
    looked.need_fresh("telling other examples apart")
    rng, own = np.random.default_rng(looked.seed), looked.held
    own = own.take(np.sort(rng.permutation(len(own))[:MOST]))
    other, shared = _others(looked, against)
    other = other.take(np.sort(rng.permutation(len(other))[:MOST]))
    found = looked.embedder(other, looked.model.backbone)[0]
    if not found.ok.any():
        raise DataError(f"no example of {against.name!r} can be read")
    other, features = other.take(found.ok), found.features[found.ok]
    told: dict[str, Any] = {"against": against.name, "examples": len(own), "others": len(other), "shared": shared}
    scores, reasons = _scores(looked, [own.features, features])
    if not scores:
        raise DataError("; ".join(reasons.values()))
    groups = _groups(own.domain, other)
    for name, (mine, theirs) in scores.items():
        told[name] = separation(mine, theirs, seed=looked.seed, groups=groups).as_dict()
    return told | ({"reasons": reasons} if reasons else {})


def _others(looked: Looked, against: Domain) -> tuple[Domain, int]:
    """The other examples without those that are also here, and how many these are."""
    other = against.unlabeled()
    keys = scan(other, progress=looked.embedder.tick("read")).keys
    sides = [side for side in (looked.held, looked.train) if side is not None]
    here = {key for side in sides for key in side.domain.keys or ()}
    new = np.array([key not in here and bool(key) for key in keys])
    if not new.any():
        raise DataError(f"every example of {against.name!r} is unreadable or also among these: there are no others")
    return other.take(new), sum(key in here for key in keys)


def _scores(looked: Looked, sides: list[Array]) -> tuple[dict[str, list[Array]], dict[str, str]]:
    """How strange each example of both sides is by each score, and why one is not there."""
    head, scores, reasons = looked.model.head, {}, {}
    if isinstance(looked.problem, Classes):
        scores["max_probability"] = [1 - head.outputs(rows).max(axis=1) for rows in sides]
        scores["energy"] = [-np.logaddexp.reduce(head.logits(rows), axis=1) for rows in sides]
    else:
        reasons["max_probability"] = f"probability and energy are of classes, not of {looked.problem.said()}"
    if looked.train is None:
        reasons["distance"] = "none of what was learned from is among these examples, to measure distances to"
    elif looked.train.features.dtype == object:
        reasons["distance"] = "an example has several rows of features"
    else:
        scores["distance"] = [distances(rows, looked.train.features) for rows in sides]
    return scores, reasons


def distances(rows: Array, known: Array) -> Array:
    """The distance ``(n,)`` of each row to its fifth nearest known one (to the last of fewer), all of length 1.

    >>> distances(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 3.0]])).round(3).tolist()
    [1.414]
    """
    rows, known, k = unit_rows(rows), unit_rows(known), min(NEIGHBOUR, len(known)) - 1
    blocks = [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]
    return np.concatenate([np.sqrt(np.partition(squared_distances(b, known), k, axis=1)[:, k]) for b in blocks])


def separation(mine: Array, theirs: Array, *, seed: int, groups: Array | None = None) -> Interval:
    """The share of pairs in which the one of ``theirs`` has the higher score, a tie counts half: AUROC, 95 % interval.

    Where no pair is on the wrong side (or all are), the exact limit of a share of so many opens the interval.

    >>> print(separation(np.zeros(20), np.ones(30), seed=0))
    1.000 (0.832 to 1.000)
    """
    positive = np.repeat([False, True], [len(mine), len(theirs)])
    statistics = ranking_statistics(positive, np.concatenate([mine, theirs]))
    value = float(statistics(np.ones((1, len(positive))))["roc_auc"][0])
    samples = bootstrap(statistics, len(positive), seed=seed, resamples=1000, groups=groups)["roc_auc"]
    units = min(units_of(len(positive), groups, side) for side in (~positive, positive))
    return interval_of("roc_auc", value, samples, units)


def _groups(own: Domain, other: Domain) -> Array | None:
    """Examples that belong together in either; one of no group is alone."""
    if own.groups is None and other.groups is None:
        return None
    sides = [
        np.arange(len(d)) if d.groups is None else np.unique(d.groups, return_inverse=True)[1] for d in (own, other)
    ]
    return np.concatenate([sides[0], sides[1] + sides[0].max() + 1])
