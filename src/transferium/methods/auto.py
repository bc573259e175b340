"""The probe, unless there is a budget and something else proves better within it, on the training part alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.split import folds as split_folds
from transferium.errors import InputError, did_you_mean
from transferium.functional.bootstrap import paired_interval
from transferium.methods.base import Fitted, Method, Task
from transferium.methods.probe import LinearProbe
from transferium.selection.selection import Selection

RULE = "the probe, unless another is more accurate by more than half the width of the interval of their difference"


@dataclass
class Auto(Method):
    """Fit the probe; within ``--budget``, try LP-FT and fine-tuning on folds of train and keep what proves better.

    Each candidate trains on folds of the training part and is compared with the probe's out-of-fold answers on the
    same examples; as many folds are run as the budget holds, counting the final fit on everything. The probe stays
    unless the paired difference in accuracy exceeds half the width of its 95 % interval. Without a budget, or where
    nothing fits into it, this is the probe.
    """

    name: ClassVar[str] = "auto"

    candidates: tuple[str, ...] = field(default=("lp-ft", "finetune"), metadata={"help": "methods tried in order"})
    folds: int = field(default=5, metadata={"help": "folds of train, at most", "range": (2, 10)})

    def check(self) -> None:
        """Raise ``InputError`` for a candidate that is no method that trains."""
        from transferium.methods.catalogue import METHODS

        legal = [name for name in METHODS if name not in ("auto", "probe")]
        for name in self.candidates:
            if name not in legal:
                raise InputError(f"auto cannot try {name!r}. {did_you_mean(name, legal)}")
        if self.folds < 2:
            raise InputError(f"folds must be at least 2; it was {self.folds}.")

    def fit(self, task: Task) -> Fitted:
        """Fit, compare and choose; the selection says what was tried, what it cost and why it was kept or not."""
        started = time.perf_counter()
        probe = LinearProbe().fit(task)
        if task.budget_s is None or task.backbone.kind == "features":
            why = "features have no backbone to move" if task.budget_s else "no --budget was given to try more"
            note = f"auto took the probe: {why}"
            return replace(probe, selection=replace(probe.selection, notes=(*probe.selection.notes, note)))
        trials = Trials(task, probe, self.folds, started)
        for name in self.candidates:
            trials.attempt(name)
        return trials.conclude()


class Trials:
    """Candidates beside the probe, within one budget."""

    def __init__(self, task: Task, probe: Fitted, folds: int, started: float) -> None:
        if probe.oof_probabilities is None or task.budget_s is None:
            raise InputError("auto compares with the probe's out-of-fold answers within a budget; one is missing.")
        self.task, self.probe, self.deadline = task, probe, started + task.budget_s
        self.fold = split_folds(task.train.y, k=folds, seed=task.seed, groups=task.groups)
        self.probe_right = probe.oof_probabilities.argmax(1) == task.train.y
        self.rows: list[dict[str, Any]] = [
            self._row("probe", probe.oof_probabilities, np.ones(len(task.train), bool), time.perf_counter() - started)
        ]
        self.best: tuple[float, str] | None = None

    def attempt(self, name: str) -> None:
        """Run ``name`` on as many folds as leave time to fit it on everything; note what came of it."""
        from transferium.methods.catalogue import method_class

        answers = np.full((len(self.task.train), self.task.classes), np.nan)
        spent: list[float] = []
        for k in np.unique(self.fold):
            # One fold more, and the final fit on everything, which is a little longer than a fold.
            if spent and (2.3 * max(spent) > self._left()):
                break
            if not spent and self._left() <= 0:
                break
            begin = time.perf_counter()
            answers[self.fold == k] = self._fold(method_class(name)(), k)
            spent.append(time.perf_counter() - begin)
        seen = ~np.isnan(answers).any(1)
        if not spent or 1.25 * max(spent) > self._left():
            why = "the budget was used up" if not spent else "the budget does not hold its fit on everything"
            self.rows.append({"method": name, "folds": len(spent), "seconds": round(sum(spent), 1), "kept": why})
            return
        self.rows.append(self._row(name, answers, seen, sum(spent)) | self._compare(name, answers, seen))

    def conclude(self) -> Fitted:
        """The probe, or the best candidate fitted on everything."""
        chosen = "probe" if self.best is None else self.best[1]
        selection = Selection(
            RULE, f"folds of the training part, {self.task.budget_s:.0f} s budget", self.rows, {"method": chosen}
        )
        if chosen == "probe":
            notes = (*self.probe.selection.notes, str(self.probe.selection))
            return replace(self.probe, selection=replace(selection, notes=notes))
        from transferium.methods.catalogue import method_class

        fitted = method_class(chosen)().fit(self.task)
        return replace(fitted, selection=replace(selection, notes=(str(fitted.selection),)))

    def _left(self) -> float:
        return self.deadline - time.perf_counter()

    def _fold(self, method: Method, k: int) -> NDArray[np.float64]:
        inside, outside = self.fold != k, self.fold == k
        groups = None if self.task.groups is None else self.task.groups[inside]
        inner = replace(self.task, train=self.task.train.take(inside), groups=groups, workdir=None)
        fitted = method.fit(inner)
        seen = self.task.embed(self.task.train.take(outside), fitted.backbone).features
        return fitted.head.probabilities(seen)

    def _row(self, name: str, answers: NDArray[np.float64], seen: NDArray[np.bool_], spent: float) -> dict[str, Any]:
        y = self.task.train.y[seen]
        likelihood = answers[seen][np.arange(len(y)), y]
        return {
            "method": name,
            "accuracy": round(float((answers[seen].argmax(1) == y).mean()), 4),
            "log_loss": round(float(-np.log(np.maximum(likelihood, 1e-12)).mean()), 4),
            "examples": int(seen.sum()),
            "seconds": round(spent, 1),
        }

    def _compare(self, name: str, answers: NDArray[np.float64], seen: NDArray[np.bool_]) -> dict[str, Any]:
        right = answers[seen].argmax(1) == self.task.train.y[seen]
        difference = paired_interval(right, self.probe_right[seen], seed=self.task.seed)
        half = (difference.high - difference.low) / 2
        better = difference.value > half
        if better and (self.best is None or difference.value > self.best[0]):
            self.best = (difference.value, name)
        return {
            "difference": round(difference.value, 4),
            "low": round(difference.low, 4),
            "high": round(difference.high, 4),
            "kept": "better than the probe" if better else "not clearly better than the probe",
        }
