"""What each part of mixed rows adds: the same method without it, on the same examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation.references import answers_on
from transferium.functional.bootstrap import Interval
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.mixed.mixed_preprocess import MixedPreprocess
from transferium.problems.evaluation import Evaluation


@dataclass(frozen=True)
class Ablation:
    """A model that was fitted ``without`` some ``columns``; ``adds`` is how much better the whole model is."""

    without: str
    columns: tuple[str, ...]
    evaluation: Evaluation
    adds: Interval

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        names = {"without": self.without, "columns": list(self.columns)}
        return names | {"test": self.evaluation.as_dict(), "adds": {**self.adds.as_dict()}}


def ablate(method: Method, task: Task, test: Domain, outputs: NDArray[np.float64]) -> list[Ablation]:
    """The models without one block of the features each, beside the ``outputs`` of the whole one; none where there
    are not two.

    Each chooses its own penalty on the training part. A difference near 0 says that the others know as much as all.
    """
    read = task.backbone.preprocess
    if not isinstance(read, MixedPreprocess) or len(blocks := read.blocks()) < 2:
        return []
    problem, found = test.posed, []
    for number, (name, columns) in enumerate(blocks.items()):
        task.tell("what each kind of column adds", number, len(blocks))
        rest = mixed_backbone(read.without(columns))
        fitted = method.fit(replace(task, backbone=rest, workdir=None, progress=None, track=()))
        answers, before = answers_on(task, fitted, test)
        measured = problem.evaluate(test.y, answers, seed=task.seed, before=before, groups=test.groups)
        adds = problem.compare(test.y, outputs, answers, seed=task.seed, groups=test.groups)
        found.append(Ablation(name, columns, measured, adds))
    return found
