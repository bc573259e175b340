"""Which of the examples a new probe may learn from, and on which it is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.evaluation.sides.looked import Array, Looked, Seen
from transferium.problems.problem import Problem


@dataclass(frozen=True)
class LearnAndTest:
    """Examples to learn from, in an order whose beginnings are like all; those that a probe is measured on."""

    learn: Seen
    test: Seen
    said: str


def learn_and_test(looked: Looked, most: int) -> LearnAndTest:
    """At most ``most`` examples to learn from: those that the model did, if given and if the backbone is frozen.

    Else a random two thirds of what is evaluated, without those that belong together with one of the other third.
    """
    held = looked.held
    if looked.train is not None and not (looked.moved or looked.trained):
        at = order_of(looked.problem, looked.train.domain.y, looked.seed)[:most]
        said = "learned from what the model learned from, measured on what is evaluated"
        return LearnAndTest(looked.train.take(at), held, said)
    why = "the backbone was tuned on its labels" if looked.train is not None else "the training part is not given"
    order = order_of(looked.problem, held.domain.y, looked.seed)
    cut = len(order) * 2 // 3
    learn, test, groups = order[:cut], order[cut:], held.domain.groups
    if groups is not None:
        learn = learn[~np.isin(groups[learn], groups[test])]
    said = f"learned from two thirds of what is evaluated, measured on the others, since {why}"
    return LearnAndTest(held.take(learn[:most]), held.take(test), said)


def order_of(problem: Problem, labels: Array, seed: int | tuple[int, ...]) -> NDArray[np.intp]:
    """A random order whose every beginning has about the same shares of strata (classes) as all.

    >>> from transferium.problems.classes import Classes
    >>> y = np.repeat([0, 1], [8, 4])
    >>> sorted(y[order_of(Classes(("a", "b")), y, 0)[:6]].tolist())
    [0, 0, 0, 0, 1, 1]
    """
    rng, strata = np.random.default_rng(seed), problem.strata(labels)
    at = np.empty(len(labels))
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        at[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.argsort(at + rng.random(len(at)) * 1e-9, kind="stable")
