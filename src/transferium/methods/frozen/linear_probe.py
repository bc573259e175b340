"""The linear probe: one convex problem on features that were embedded once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError, InputError
from transferium.functional.calibration import fit_temperature
from transferium.functional.classifier import softmax
from transferium.functional.logistic import LogisticPath, fit_path
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds, notes_on_folds
from transferium.methods.method import Method
from transferium.methods.settings.checks import require_choice
from transferium.methods.task import Task
from transferium.models.heads.linear import Head
from transferium.selection.selection import Selection

GRID = tuple(float(C) for C in np.logspace(-2, 2.5, 10).round(6))
DECADES = 3
"""How far the grid may be extended."""
NEVER = 1e4
"""How far the intercept of a class without examples lies below all others."""


@dataclass
class LinearProbe(Method):
    """Multinomial logistic regression on frozen features; C by cross-validation inside the training part.

    The smallest mean out-of-fold log-loss (or the largest accuracy) decides; a C on the edge of the grid extends the
    grid by a decade, at most three times. The temperature comes from the out-of-fold logits of the chosen C. A ``val``
    part is not needed for any of this and is not looked at. C is the one of ``fit_path``: free of the backbone's scale.
    Prefer ``finetune`` where the backbone's features do not separate the classes and there is time.
    """

    name: ClassVar[str] = "probe"

    Cs: tuple[float, ...] = field(
        default=GRID, metadata={"range": (1e-4, 1e6), "help": "inverse penalties to choose from"}
    )
    folds: int = field(default=5, metadata={"range": (2, 20), "help": "folds of the training part"})
    class_weight: Literal["balanced"] | None = field(
        default=None, metadata={"help": "'balanced' gives every class the same total weight"}
    )
    rule: Literal["log-loss", "accuracy"] = field(
        default="log-loss", metadata={"help": "the out-of-fold score that chooses C"}
    )

    def check(self) -> None:
        """Raise ``InputError`` for an empty grid, a C that is not positive, or fewer than 2 folds."""
        if not len(self.Cs) or not all(0 < C < np.inf for C in self.Cs):
            raise InputError(f"Cs must be positive numbers, as in 0.1,1,10; they were {self.Cs}.")
        if self.folds < 2:
            raise InputError(f"folds must be at least 2; there were {self.folds}.")
        require_choice("rule", self.rule, ("log-loss", "accuracy"))
        if self.class_weight is not None:
            require_choice("class_weight", self.class_weight, ("balanced",))

    def fit(self, task: Task) -> Fitted:
        """Embed the training part once, walk the path, choose, calibrate.

        A class without a training example gets probability 0; fewer than two classes with one is a ``DataError``.
        """
        started = time.perf_counter()
        seen = task.embed(task.train)
        spent = time.perf_counter() - started
        fitted = self.solve(task, seen)
        return replace(fitted, seconds={"embed": spent} | fitted.seconds)

    def solve(self, task: Task, seen: Domain, counts: NDArray[np.float64] | None = None) -> Fitted:
        """The probe of feature rows that are there already; ``counts`` says how much each row counts, mean 1."""
        started, names = time.perf_counter(), task.train.classes
        present, y = np.unique(seen.y, return_inverse=True)
        if len(present) < 2:
            raise DataError(
                f"a classifier needs examples of 2 classes; the training part of {task.train.name!r} holds "
                f"{', '.join(repr(names[k]) for k in present) or 'no example'} alone."
            )
        weight, fold = self._weights(y, len(present)), held_out_folds(y, self.folds, task)
        weight = weight if counts is None else weight * counts
        path, notes = self._walk(seen.features, y, len(present), fold, weight)
        chosen, temperature, oof = self._choose(path), 1.0, None
        if fold.max() > 0:
            held = fold >= 0
            temperature = fit_temperature(path.oof_logits[chosen][held], y[held], weight[held])
            oof = spread(softmax(path.oof_logits[chosen] / temperature), present, len(names), 0.0)
            oof[~held] = np.nan
        coef = spread(path.coef[chosen].T, present, len(names), 0.0).T
        intercept = spread(
            path.intercept[chosen][None], present, len(names), float(path.intercept[chosen].min()) - NEVER
        )
        notes += _notes_on(task, fold, self.folds, [names[k] for k in set(range(len(names))) - set(present.tolist())])
        return Fitted(
            method=self.name,
            backbone=task.backbone,
            head=Head(coef, intercept[0], temperature),
            selection=self._selection(path, chosen, fold, notes),
            oof_probabilities=oof,
            seconds={"solve": time.perf_counter() - started},
        )

    def _weights(self, y: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
        if self.class_weight is None:
            return np.ones(len(y))
        weights: NDArray[np.float64] = (len(y) / (classes * np.bincount(y, minlength=classes)))[y]
        return weights

    def _choose(self, path: LogisticPath) -> int:
        """Position of the best C; of equals the smallest, which is the strongest penalty."""
        if self.rule == "accuracy":
            return int(path.accuracy.mean(axis=1).argmax())
        return int(path.log_loss.mean(axis=1).argmin())

    def _walk(
        self, X: NDArray[Any], y: NDArray[np.int64], classes: int, fold: NDArray[np.int64], weight: NDArray[np.float64]
    ) -> tuple[LogisticPath, list[str]]:
        """The path over the grid, extended while the best C lies on its edge; a single C is taken as it is."""
        if fold.max() <= 0:
            return fit_path(X, y, classes, (1.0,), fold, weight), ["too few examples to choose C: it is 1"]
        path = fit_path(X, y, classes, self.Cs, fold, weight)
        first, last = path.Cs[0], path.Cs[-1]
        for _ in range(DECADES):
            more = _beyond(path.Cs, self._choose(path))
            if not more:
                break
            path = path.joined(fit_path(X, y, classes, more, fold, weight))
        notes = []
        if (path.Cs[0], path.Cs[-1]) != (first, last):
            notes.append(
                f"the best C lay on the edge of the grid ({first:.3g} to {last:.3g}), which was extended to "
                f"{path.Cs[0]:.3g} to {path.Cs[-1]:.3g}"
            )
        if _beyond(path.Cs, self._choose(path)):
            notes.append("the chosen C is still on the edge of the grid")
        if not path.converged[self._choose(path)].all():
            notes.append("the solver stopped before its tolerance at the chosen C")
        return path, notes

    def _selection(self, path: LogisticPath, chosen: int, fold: NDArray[np.int64], notes: list[str]) -> Selection:
        candidates = [
            {"C": float(f"{C:.6g}"), "log_loss": path.log_loss[c].tolist(), "accuracy": path.accuracy[c].tolist()}
            for c, C in enumerate(path.Cs)
        ]
        rule = "smallest out-of-fold log-loss" if self.rule == "log-loss" else "largest out-of-fold accuracy"
        data = f"{int(fold.max()) + 1} folds of the training part"
        if fold.max() <= 0:
            rule, data, candidates = "no comparison", "the training part", [{"C": 1.0}]
        return Selection(rule, data, candidates, {"C": candidates[chosen]["C"]}, tuple(notes))


def spread(columns: NDArray[Any], present: NDArray[np.int64], classes: int, absent: float) -> NDArray[np.float64]:
    """``columns (n, present)`` at their places among all ``classes``, ``absent`` elsewhere."""
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
