"""Several tasks train one network together: a head for each, and one backbone that all of them move."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError, option
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.trained import Trained, linear_head, selection_of
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HeldOut
from transferium.methods.scaled_amounts import Scale
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.models.backbone import Backbone
from transferium.problems.catalogue import OF_EXAMPLES
from transferium.problems.problem import Problem

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.episode import Episode
    from transferium.training.loop.objective import Objective
    from transferium.training.wrappers.keep_best import KeepBest

NOT_HERE = ("mixup", "cutmix", "label_smoothing", "class_weights", "sampling", "hidden", "mirror", "answer_size")
"""Settings of ``finetune`` that are of one task."""


@dataclass(frozen=True, eq=False)
class Goal:
    """One of the tasks: its problem, and a label for each example of the training part and of the val part."""

    problem: Problem
    train: NDArray[Any]
    val: NDArray[Any] | None

    def at(self, parts: HeldOut) -> tuple[NDArray[Any], NDArray[Any]]:
        """The labels of what is trained on, and of what is held out."""
        if self.val is not None:
            return self.train, self.val
        return self.train[parts.kept], np.delete(self.train, parts.kept, axis=0)


@dataclass
class SeveralTasks(Task):
    """A task whose examples have more labels than its own, which is among the ``goals`` as the first."""

    goals: Mapping[str, Goal] = field(default_factory=dict)


@dataclass
class Joint(FineTune):
    """Fine-tune one network on several tasks at once, a head for each.

    ``min Σ_k loss_k`` over the labels of each example, in one pass of the backbone; with ``weighting=uncertainty``
    ``Σ_k exp(-s_k) · loss_k + s_k / 2`` with a trained ``s_k`` for each task. The epoch of the lowest held-out sum is
    kept. Each task's run holds the same network trained on that task alone, which decides its verdict: what was gained
    or lost by solving it together with the others. Prefer it to a run for each task where tasks are related and labels
    few, or where one network must answer all. Caruana, "Multitask learning" (1997); Kendall et al., "Multi-task
    learning using uncertainty to weigh losses" (2018).
    """

    name: ClassVar[str] = "joint"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES

    weighting: str = setting(
        "uniform",
        "how the tasks' losses are weighed: all alike, or by a learned uncertainty",
        ("uniform", "uncertainty"),
    )

    def check(self) -> None:
        """As for ``finetune``, without what is for one task alone."""
        super().check()
        for name in NOT_HERE:
            if (value := getattr(self, name)) != getattr(type(self), name):
                raise InputError(f"{name}={value} is for one task, and joint solves several: leave it out.")
        if self.best_epoch == "accuracy":
            raise InputError("joint keeps the epoch of the lowest held-out loss over all tasks: best_epoch=log_loss.")

    def fit(self, task: Task) -> Fitted:
        """Raise ``InputError``: one task is no job for it; see ``fit_tasks``."""
        raise InputError(
            f"method {self.name!r} solves several tasks at once, and there is one. Name a column of labels for each: "
            f"{option('label', 'A')} {option('label', 'B')}."
        )

    def fit_tasks(self, task: SeveralTasks) -> dict[str, Fitted]:
        """Train one network on all goals, and calibrate each head on what was held out."""
        scales = {name: Scale.of(g.train) for name, g in task.goals.items() if g.problem.link == "identity"}
        task = replace(task, goals={name: _scaled(g, scales.get(name)) for name, g in task.goals.items()})
        outcome, machine, start = run_stages(self, task, self.stages(task), self.precision)
        trained, ended = outcome.result, time.perf_counter()
        backbone = tuned_backbone(trained.backbone, trained.model.backbone)
        chosen = selection_of(trained, outcome.history, self.best_epoch)
        fitted = {}
        heads, scored = trained.model.head.children(), _scores(task, trained, machine)
        for (name, goal), head, scores in zip(task.goals.items(), heads, scored, strict=True):
            temperature = float(goal.problem.calibrate(scores, goal.at(trained.parts)[1]))
            linear = linear_head(head, temperature, goal.problem.link)
            one = Fitted(self.name, backbone, linear, chosen, outcome.history, seconds={"train": ended - start})
            fitted[name] = scales[name].undone(one) if name in scales else one
        return fitted

    def _head(self, task: Task, backbone: Backbone, parts: HeldOut) -> nn.Module:
        from transferium.models.heads.side_by_side_heads import HeadsSideBySide

        heads = []
        for goal in goals_of(task).values():
            posed = replace(task.train, labels=goal.train, problem=goal.problem)
            heads.append(super()._head(replace(task, train=posed), backbone, parts))
        return HeadsSideBySide(heads)

    def _loss(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.supervised import SupervisedTasks

        goals = goals_of(setup.task)
        labels = {name: goal.at(setup.parts)[0] for name, goal in goals.items()}
        problems = {name: goal.problem for name, goal in goals.items()}
        return SupervisedTasks(problems, labels, uncertainty=self.weighting == "uncertainty")

    def _own_rate(self) -> float:
        """Of the tasks' noise: a logarithm that follows falling losses, by ones and twos."""
        return 10 * self.head_lr

    def _keep_best(self, setup: FineTuneSetup, *, start: bool = False) -> KeepBest:
        swa_from = max(self.swa_from, self.warmup)
        return self._scorer(_held_out_sum(setup), setup.task.problem, start=start, swa_from=swa_from)


def goals_of(task: Task) -> Mapping[str, Goal]:
    """The goals of a task that has several."""
    assert isinstance(task, SeveralTasks)
    return task.goals


def _scaled(goal: Goal, scale: Scale | None) -> Goal:
    """The goal with amounts in standard deviations, as a network learns them."""
    if scale is None:
        return goal
    val = None if goal.val is None else scale.scaled(goal.val)
    return replace(goal, train=scale.scaled(goal.train), val=val)


def _split(scores: NDArray[np.float64], goals: Mapping[str, Goal]) -> list[NDArray[np.float64]]:
    return np.split(scores, np.cumsum([goal.problem.width for goal in goals.values()])[:-1], axis=1)


def _scores(task: SeveralTasks, trained: Trained, machine: Machine) -> list[NDArray[np.float64]]:
    """Each task's scores of what is held out."""
    from transferium.training.loop.predict import predict

    return _split(predict(trained.model, trained.parts.held, trained.feeds, machine), task.goals)


def _held_out_sum(setup: FineTuneSetup) -> Callable[[Episode], dict[str, float]]:
    """The sum of all tasks' held-out losses, under the name of the first one's."""
    from transferium.training.loop.predict import predict

    goals, held = goals_of(setup.task), setup.parts.held
    labels = [goal.at(setup.parts)[1] for goal in goals.values()]

    def score(episode: Episode) -> dict[str, float]:
        scores = _split(predict(episode.stage.model, held, episode.stage.feeds, episode.machine), goals)
        each = [g.problem.losses(s, y).mean() for g, s, y in zip(goals.values(), scores, labels, strict=True)]
        return {setup.task.problem.loss_name: float(sum(each))}

    return score
