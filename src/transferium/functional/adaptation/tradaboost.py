"""TrAdaBoost: boosting that lowers the weights of source rows that disagree with a few labelled target rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.linear_classifier import Fit, Predict
from transferium.functional.matrices import Array, Floats, Labels, labels_of, two_domains


@dataclass(frozen=True, eq=False)
class Boosted:
    """The members that vote, what each vote weighs, each round's weighted target error, and the last source weights."""

    members: tuple[Predict, ...]
    votes: tuple[float, ...]
    errors: tuple[float, ...]
    source_weights: Array

    def __call__(self, x: Floats) -> Array:
        """``(n, classes)``: each class's share of the votes; of one member, its own probabilities."""
        rows = np.asarray(x, dtype=np.float64)
        if len(self.members) == 1:
            return self.members[0](rows)
        total = 0.0
        for member, vote in zip(self.members, self.votes, strict=True):
            p = member(rows)
            total = total + vote * np.eye(p.shape[1])[p.argmax(axis=1)]
        out: Array = np.asarray(total) / sum(self.votes)
        return out


def tradaboost(
    source: Floats, source_labels: Labels, target: Floats, target_labels: Labels, fit: Fit, *, rounds: int = 10
) -> Boosted:
    """Boost over source and labelled target rows together; later rounds vote.

    Each round fits on all rows with weights adding up to their number. Source rows it gets wrong are multiplied by
    ``β = 1 / (1 + √(2 ln n / rounds))``, target rows it gets wrong by ``(1 - ε)/ε`` with ``ε`` the weighted target
    error; the second half of the rounds vote with ``log((1 - ε)/ε)``. Where ``ε`` reaches a half, which the paper
    excludes, the round has no vote and its wrong target rows are multiplied by ``1/β`` instead. It stops when ``ε`` is
    0. ``rounds`` 0, and no round below a half, give the pooled classifier ``fit(both, labels, ones)``.

    Needs some tens of labelled target rows; with none use an unsupervised method. Source weights only ever fall, so
    use few rounds (≤ 20) with a large source. The labels may have any number of classes, though the error bound
    is for two. Dai et al., Boosting for transfer learning, ICML 2007.

    >>> from transferium.functional.linear_classifier import fit_linear
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> model = tradaboost(x, np.array([1, 1, 0, 0]), x, np.array([0, 0, 1, 1]), fit_linear)
    >>> model(x).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    x, z = two_domains(source, target)
    ys, yt = labels_of(source_labels, len(x), "source_labels"), labels_of(target_labels, len(z), "target_labels")
    if rounds < 0:
        raise InputError(f"rounds={rounds} must be 0 or more")
    rows, y, n = np.concatenate([x, z]), np.concatenate([ys, yt]), len(x)
    members, errors, weight = _boost(rows, y, n, fit, rounds)
    if not members:
        return Boosted((fit(rows, y, np.ones(len(rows))),), (1.0,), (), np.ones(n))
    half = len(members) // 2
    votes = tuple(float(np.log((1 - e) / e)) for e in errors[half:])
    return Boosted(tuple(members[half:]), votes, tuple(errors), weight[:n])


def _boost(
    rows: Array, y: NDArray[np.int64], n: int, fit: Fit, rounds: int
) -> tuple[list[Predict], list[float], Array]:
    """The members with a vote, their weighted target errors, and the last weights. The first ``n`` rows are source."""
    members: list[Predict] = []
    errors: list[float] = []
    weight, fall = np.ones(len(rows)), 1.0 / (1.0 + np.sqrt(2.0 * np.log(max(n, 2)) / max(rounds, 1)))
    for _ in range(rounds):
        member = fit(rows, y, weight)
        wrong = member(rows).argmax(axis=1) != y
        error = float(weight[n:][wrong[n:]].sum() / weight[n:].sum())
        if error < 0.5:
            members.append(member)
            errors.append(max(error, 1e-6))
        if error == 0:
            break
        weight = _reweighted(weight, wrong, n, fall, (1 - error) / error if error < 0.5 else 1 / fall)
    return members, errors, weight


def _reweighted(weight: Array, wrong: NDArray[np.bool_], n: int, fall: float, rise: float) -> Array:
    factor = np.where(wrong, rise, 1.0)
    factor[:n] = np.where(wrong[:n], fall, 1.0)
    grown = weight * factor
    scaled: Array = grown * (len(grown) / grown.sum())
    return scaled
