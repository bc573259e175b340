"""The linear probe: one convex problem on features that were embedded once."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.functional.sequences.ragged import is_ragged_array, lengths, ragged
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds, notes_on_folds
from transferium.methods.frozen.scored_path import NEVER, ScoredPath, scored_path
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.heads.linear import Head
from transferium.problems.catalogue import OF_LINEAR_HEADS
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem, linked
from transferium.selection.selection import Selection

GRID = tuple(float(C) for C in np.logspace(-2, 2.5, 10).round(6))
DECADES = 3
"""How far the grid may be extended."""
COARSE = GRID[3:8:2]
"""The penalties where an example has many rows: a solution takes seconds, and neighbours on the grid hardly differ."""


@dataclass
class LinearSolver:
    """The settings and the solution of a linear model of feature rows, as a base of methods beside ``Method``."""

    name: ClassVar[str]

    Cs: tuple[float, ...] = setting(GRID, "inverse penalties to choose from", (1e-4, 1e6), {"above": 0})
    folds: int = setting(5, "folds of the training part", (2, 20), {"least": 2})
    class_weight: str | None = setting(
        None, "'balanced' gives every class the same total weight", choices=("balanced",)
    )
    rule: str = setting("log-loss", "the out-of-fold score that chooses C", choices=("log-loss", "accuracy"))

    def solve(self, task: Task, seen: Domain, counts: NDArray[np.float64] | None = None) -> Fitted:
        """The probe of feature rows that are there already; ``counts`` says how much each row counts, mean 1."""
        started, problem = time.perf_counter(), task.problem
        names, known = problem.names, isinstance(problem, Classes)
        problem.check_learnable(seen.y, f"the training part of {task.train.name!r}")
        if (some := _enough_to_choose(problem, seen, task.seed)) is not None:
            return self._chosen_on(some, task, seen, counts)
        present, y = np.unique(seen.y, return_inverse=True) if known else (np.arange(problem.width), seen.y)
        fold = held_out_folds(y if known else problem.strata(y), self.folds, task, must_know=known)
        weight = self._weights(y, problem, len(present))
        weight = weight if counts is None else weight * counts
        path, notes = self._walk(problem, seen.features, y, len(present), fold, weight)
        chosen, temperature, oof = path.best(self.rule), 1.0, None
        if fold.max() > 0:
            held = fold >= 0
            temperature = problem.calibrate(path.oof_scores[chosen][held], y[held], weight[held])
            answers = linked(path.oof_scores[chosen] / temperature, problem.link)
            oof = spread(answers, present, problem.width, 0.0)
            oof[~held] = np.nan
        coef = spread(path.coef[chosen].T, present, problem.width, 0.0).T
        never = float(path.intercept[chosen].min()) - NEVER
        intercept = spread(path.intercept[chosen][None], present, problem.width, never)
        unseen = [names[k] for k in set(range(problem.width)) - set(present.tolist())]
        notes += _notes_on(task, fold, self.folds, unseen)
        return Fitted(
            method=self.name,
            backbone=task.backbone,
            head=Head(coef, intercept[0], temperature, link=problem.link),
            selection=self._selection(path, chosen, fold, notes),
            oof_outputs=oof,
            seconds={"solve": time.perf_counter() - started},
        )

    def _chosen_on(
        self, some: NDArray[np.intp], task: Task, seen: Domain, counts: NDArray[np.float64] | None
    ) -> Fitted:
        """The probe of all rows, its penalty and temperature chosen on the examples ``some``."""
        started, problem = time.perf_counter(), task.problem
        few = self.solve(task.on(some), seen.take(some), None if counts is None else counts[some])
        C, weight = float(few.selection.chosen["C"]), np.ones(len(seen)) if counts is None else counts
        whole = scored_path(problem, seen.features, seen.y, problem.width, (C,), np.zeros(len(seen), np.int64), weight)
        known = dict(zip(some.tolist(), few.oof_outputs, strict=True)) if few.oof_outputs is not None else {}
        notes = [
            f"chosen on {len(some):,} of {len(seen):,} examples, drawn by seed {task.seed}, and then fitted on all",
            *([] if whole.converged.all() else ["the solver stopped before its tolerance at the chosen C"]),
        ]
        return replace(
            few,
            head=Head(whole.coef[0], whole.intercept[0], few.head.temperature, link=problem.link),
            selection=replace(few.selection, notes=(*few.selection.notes, *notes)),
            oof_outputs=ragged(known.get(i, np.full((1, problem.width), np.nan)) for i in range(len(seen))),
            seconds={"solve": time.perf_counter() - started},
        )

    def _weights(self, y: NDArray[Any], problem: Problem, classes: int) -> NDArray[np.float64]:
        if self.class_weight is None:
            return np.ones(len(y))
        if not isinstance(problem, Classes):
            raise InputError(f"class_weight={self.class_weight} weighs classes, and these labels are {problem.said()}.")
        weights: NDArray[np.float64] = (len(y) / (classes * np.bincount(y, minlength=classes)))[y]
        return weights

    def _walk(
        self,
        problem: Problem,
        X: NDArray[Any],
        y: NDArray[Any],
        classes: int,
        fold: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> tuple[ScoredPath, list[str]]:
        """The path over the grid, extended while the best C lies on its edge; a single C is taken as it is."""
        if fold.max() <= 0:
            return scored_path(problem, X, y, classes, (1.0,), fold, weight), ["too few examples to choose C: it is 1"]
        grid = COARSE if problem.chosen_on is not None and self.Cs == GRID else self.Cs
        path = scored_path(problem, X, y, classes, grid, fold, weight)
        first, last = path.Cs[0], path.Cs[-1]
        for _ in range(DECADES):
            more = _beyond(path.Cs, path.best(self.rule))
            if not more:
                break
            path = path.joined(scored_path(problem, X, y, classes, more, fold, weight))
        notes = []
        if (path.Cs[0], path.Cs[-1]) != (first, last):
            notes.append(
                f"the best C lay on the edge of the grid ({first:.3g} to {last:.3g}), which was extended to "
                f"{path.Cs[0]:.3g} to {path.Cs[-1]:.3g}"
            )
        if _beyond(path.Cs, path.best(self.rule)):
            notes.append("the chosen C is still on the edge of the grid")
        if not path.converged[path.best(self.rule)].all():
            notes.append("the solver stopped before its tolerance at the chosen C")
        return path, notes

    def _selection(self, path: ScoredPath, chosen: int, fold: NDArray[np.int64], notes: list[str]) -> Selection:
        candidates = [
            {"C": float(f"{C:.6g}"), path.loss_name: path.loss[c].tolist(), path.merit_name: path.merit[c].tolist()}
            for c, C in enumerate(path.Cs)
        ]
        rule = path.said(self.rule)
        data = f"{int(fold.max()) + 1} folds of the training part"
        if fold.max() <= 0:
            rule, data, candidates = "no comparison", "the training part", [{"C": 1.0}]
        return Selection(rule, data, candidates, {"C": candidates[chosen]["C"]}, tuple(notes))


@dataclass
class LinearProbe(LinearSolver, Method):
    """A linear model of frozen features, its penalty chosen by cross-validation: the default.

    The penalty ``1/C`` is chosen inside the training part.
    Classes: multinomial logistic regression; several labels: one logistic regression for each; amounts: ridge.

    The smallest mean out-of-fold log-loss (or the largest accuracy) decides; a C on the edge of the grid extends the
    grid by a decade, at most three times. The temperature comes from the out-of-fold logits of the chosen C. A ``val``
    part is not needed for any of this and is not looked at. C is the one of ``fit_path``: free of the backbone's scale.
    Prefer ``finetune`` where the backbone's features do not separate the classes and there is time.
    """

    name: ClassVar[str] = "probe"
    problems: ClassVar[tuple[str, ...]] = OF_LINEAR_HEADS

    def fit(self, task: Task) -> Fitted:
        """Embed the training part once, walk the path, choose, calibrate.

        A class without a training example gets probability 0; fewer than two classes with one is a ``DataError``.
        """
        started = time.perf_counter()
        seen = task.embed(task.train)
        spent = time.perf_counter() - started
        fitted = self.solve(task, seen)
        return replace(fitted, seconds={"embed": spent} | fitted.seconds)


def _enough_to_choose(problem: Problem, seen: Domain, seed: int) -> NDArray[np.intp] | None:
    """Examples of as many rows as the problem says are enough to choose on; None where there are no more than that."""
    if problem.chosen_on is None or not is_ragged_array(seen.features):
        return None
    rows, order = lengths(seen.features), np.random.default_rng(seed).permutation(len(seen))
    if rows.sum() <= problem.chosen_on:
        return None
    some = order[: int(np.searchsorted(np.cumsum(rows[order]), problem.chosen_on, side="right"))]
    return np.sort(some) if any(problem.counts(seen.y[some]).values()) else None


def spread(columns: NDArray[Any], present: NDArray[np.int64], classes: int, absent: float) -> NDArray[np.float64]:
    """``columns (n, present)`` at their places among all ``classes``, ``absent`` elsewhere."""
    if len(present) == classes:
        return columns
    everywhere = np.full((len(columns), classes), absent)
    everywhere[:, present] = columns
    return everywhere


def _notes_on(task: Task, fold: NDArray[np.int64], asked: int, unseen: list[str]) -> list[str]:
    notes = notes_on_folds(task, fold, asked)
    if unseen:
        notes.append(f"no training example of {', '.join(sorted(unseen))}: never predicted")
    if task.val is not None:
        notes.append("the val part was not needed and not looked at")
    return notes


def _beyond(Cs: NDArray[np.float64], chosen: int) -> list[float]:
    """One more decade in the grid's own steps where the choice is the grid's first or last, else nothing."""
    if len(Cs) < 2 or 0 < chosen < len(Cs) - 1:
        return []
    edge, next_to_it = (Cs[0], Cs[1]) if chosen == 0 else (Cs[-1], Cs[-2])
    step = max(abs(np.log10(edge / next_to_it)), 0.25)
    steps = np.arange(1, int(np.ceil(1 / step - 1e-6)) + 1) * step
    return [float(C) for C in edge * 10.0 ** (-steps if chosen == 0 else steps)]
