"""What a fitted model is worth on data that took no part in any choice, and beside what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation import references as reference
from transferium.evaluation.evaluate import Evaluation, evaluate
from transferium.evaluation.verdict import Verdict, paired_difference, verdict
from transferium.methods.base import Fitted, Method, Task
from transferium.models.backbone import Backbone


@dataclass(frozen=True)
class Judged:
    """The held-out part, what was predicted for it, and what that is worth."""

    test: Domain
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    references: dict[str, Evaluation]
    verdict: Verdict


def judge(fitted: Fitted, method: Method, task: Task, test: Domain, random: Backbone | None) -> Judged:
    """Evaluate on the held-out part beside majority, nearest class mean and no transfer."""
    seed, classes = task.seed, test.classes
    seen = task.embed(test, fitted.backbone).features
    probabilities = fitted.head.probabilities(seen)
    uncalibrated = replace(fitted.head, temperature=1.0).probabilities(seen)
    result = evaluate(test.y, probabilities, classes, seed=seed, before=uncalibrated, groups=test.groups)
    train, frozen = task.embed(task.train), task.embed(test)
    beside = {
        "majority": reference.majority(task.train.y, test.y, classes, seed=seed),
        "nearest_mean": reference.nearest_mean(train.features, train.y, frozen.features, test.y, classes, seed=seed),
    }
    if random is None:
        return Judged(test, probabilities, result, beside, Verdict.not_asked("no pretrained backbone was involved"))
    alone = reference.probe_on(task, random, test)
    beside["no_transfer"] = alone.evaluation
    difference = paired_difference(test.y, probabilities.argmax(1), alone.predicted, seed=seed, groups=test.groups)
    named = f"{method.name} on {task.backbone.name}"
    return Judged(test, probabilities, result, beside, verdict(difference, named, "the same probe on random weights"))
