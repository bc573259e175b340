"""Methods that solve something on frozen features which were embedded once: candidates, folds, a temperature."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds, notes_on_folds
from transferium.methods.frozen.linear_probe import spread
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.heads.base import AnyHead
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem, linked
from transferium.selection.selection import Selection

Labels = NDArray[Any]
Array = NDArray[np.float64]
Candidate = Mapping[str, Any]
DOUBLE = 2**25
"""Up to this many feature values are copied in double precision; more are read as they are."""


@dataclass
class Cached(Method):
    """Every candidate answers for examples held out of its training; the lowest calibrated log-loss is kept.

    As in the probe, folds, choice and temperature need the training part alone, and a ``val`` part is not looked at.
    """

    folds: int = setting(5, "folds of the training part", (2, 20), {"least": 2})

    @abstractmethod
    def _candidates(self, smallest: int) -> Sequence[Candidate]:
        """What there is to choose from, where the smallest training set of any fold has ``smallest`` examples."""

    @abstractmethod
    def _answers(self, X: Array, y: Labels, problem: Problem, held: Array, candidates: Sequence[Candidate]) -> Array:
        """Scores ``(candidates, len(held), width)`` from models of ``X`` and ``y``; every class is in ``y``."""

    @abstractmethod
    def _head(self, X: Array, y: Labels, problem: Problem, candidate: Candidate, temperature: float) -> AnyHead:
        """The head of all training examples, with labels ``y`` of ``problem``; a class may be without examples."""

    def fit(self, task: Task) -> Fitted:
        """Embed the training part once, compare, calibrate; fewer than two classes are a ``DataError``."""
        started = time.perf_counter()
        seen = task.embed(task.train)
        embedded = time.perf_counter()
        fitted = self._solve(task, seen)
        fitted.seconds.update(embed=embedded - started, solve=time.perf_counter() - embedded)
        return fitted

    def _solve(self, task: Task, seen: Domain) -> Fitted:
        problem, given = task.problem, seen.features
        X: NDArray[Any] = given if given.size > DOUBLE else np.asarray(given, np.float64)
        names, known = problem.names, isinstance(problem, Classes)
        problem.check_learnable(seen.y, f"the training part of {task.train.name!r}")
        present, y = np.unique(seen.y, return_inverse=True) if known else (np.arange(problem.width), seen.y)
        asked = Classes(tuple(names[k] for k in present)) if known else problem
        fold = held_out_folds(y if known else problem.strata(y), self.folds, task, must_know=known)
        counts = np.bincount(fold[fold >= 0]) if fold.max() > 0 else np.zeros(1, np.int64)
        candidates = self._candidates(len(y) - int(counts.max()))
        tried = _Tried(asked, fold, y, candidates, self._out_of_fold(X, y, asked, fold, candidates))
        unseen = [names[k] for k in sorted(set(range(problem.width)) - set(present.tolist()))]
        return Fitted(
            method=self.name,
            backbone=task.backbone,
            head=self._head(X, seen.y, problem, candidates[tried.best], tried.temperatures[tried.best]),
            selection=tried.selection(tuple(_notes(task, fold, self.folds, unseen))),
            oof_outputs=tried.out_of_fold(present, problem.width),
        )

    def _out_of_fold(
        self, X: Array, y: Labels, problem: Problem, fold: Labels, candidates: Sequence[Candidate]
    ) -> Array | None:
        if fold.max() <= 0:
            return None
        scores = np.zeros((len(candidates), len(y), problem.width))
        for k in range(int(fold.max()) + 1):
            held = fold == k
            scores[:, held] = self._answers(X[~held], y[~held], problem, X[held], candidates)
        return scores


class _Tried:
    """What every candidate scored on the examples that were held out from it."""

    def __init__(
        self, problem: Problem, fold: Labels, y: Labels, candidates: Sequence[Candidate], scores: Array | None
    ) -> None:
        self.problem, self.candidates, self.fold, self.folds = problem, candidates, fold, int(fold.max()) + 1
        self.temperatures, self.rows, self.best = [1.0] * len(candidates), [dict(c) for c in candidates], 0
        self.oof: Array | None = None
        if scores is None:
            return
        held = fold >= 0
        self.temperatures = [problem.calibrate(one[held], y[held]) for one in scores]
        losses = np.zeros((len(candidates), self.folds))
        for row, loss, one, temperature in zip(self.rows, losses, scores, self.temperatures, strict=True):
            each, outputs = problem.losses(one / temperature, y), linked(one, problem.link)
            loss[:] = [each[fold == k].mean() for k in range(self.folds)]
            row[problem.loss_name] = loss.tolist()
            row[problem.headline] = [problem.merit(y[fold == k], outputs[fold == k]) for k in range(self.folds)]
        self.best = int(losses.mean(axis=1).argmin())
        self.oof = linked(scores[self.best] / self.temperatures[self.best], problem.link)

    def out_of_fold(self, present: Labels, classes: int) -> Array | None:
        """The answers of the best over all ``classes``, NaN for examples that were never held out."""
        if self.oof is None:
            return None
        answers = spread(self.oof, present, classes, 0.0)
        answers[self.fold < 0] = np.nan
        return answers

    def selection(self, notes: tuple[str, ...]) -> Selection:
        """The choice in words; nothing was compared where nothing could be held out."""
        chosen = dict(self.candidates[self.best])
        if self.oof is None:
            return Selection("no comparison", "the training part", self.rows[:1], chosen, notes)
        data = f"{self.folds} folds of the training part"
        loss = (
            "calibrated out-of-fold log-loss" if self.problem.loss_name == "log_loss" else "out-of-fold squared error"
        )
        rule = f"lowest {loss}" if len(self.rows) > 1 else "no comparison"
        return Selection(rule, data, self.rows, chosen, notes)


def _notes(task: Task, fold: Labels, asked: int, unseen: list[str]) -> list[str]:
    notes = []
    if fold.max() <= 0:
        notes.append("too few examples to hold any out: nothing was chosen, and probabilities are not calibrated")
    if unseen:
        notes.append(f"no training example of {', '.join(unseen)}: never predicted")
    return [*notes, *notes_on_folds(task, fold, asked)]
