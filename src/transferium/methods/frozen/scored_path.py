"""The regularisation path of a linear model for any problem, and what every penalty scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.logistic import fit_path
from transferium.functional.sequences.ragged import flat, like, owners
from transferium.problems.problem import Problem, linked

Array = NDArray[np.float64]
Rows = NDArray[Any]
Folds = NDArray[np.int64]
NEVER = 1e4
"""How far the intercept of a class without examples lies below all others."""


@dataclass(frozen=True, eq=False)
class ScoredPath:
    """A linear model for each inverse penalty ``Cs (c,)``, with what it scored on the examples held out of its fit.

    ``coef (c, outputs, width)``, ``intercept (c, outputs)``, ``oof_scores (c, n, outputs)``; ``loss`` and ``merit``
    ``(c, folds)``, the loss to be lowered and the headline figure of the problem.
    """

    Cs: Array
    coef: Array
    intercept: Array
    oof_scores: Array
    converged: NDArray[np.bool_]
    loss: Array
    merit: Array
    loss_name: str
    merit_name: str
    lower_is_better: bool

    def best(self, rule: str) -> int:
        """Position of the best C by the loss, or by the headline figure (``accuracy``); the smallest of equals."""
        if rule != "accuracy":
            return int(self.loss.mean(axis=1).argmin())
        means = self.merit.mean(axis=1)
        return int(means.argmin() if self.lower_is_better else means.argmax())

    def said(self, rule: str) -> str:
        """The rule in words."""
        if rule != "accuracy":
            return f"smallest out-of-fold {'log-loss' if self.loss_name == 'log_loss' else 'squared error'}"
        return f"{'smallest' if self.lower_is_better else 'largest'} out-of-fold {self.merit_name.replace('_', ' ')}"

    def joined(self, other: ScoredPath) -> ScoredPath:
        """Both paths as one, in the order of C."""
        Cs = np.concatenate([self.Cs, other.Cs])
        order = np.argsort(Cs, kind="stable")
        columns = ("Cs", "coef", "intercept", "oof_scores", "converged", "loss", "merit")
        both: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])[order] for name in columns
        }
        return replace(self, **both)


def scored_path(
    problem: Problem,
    X: NDArray[Any],
    y: NDArray[Any],
    classes: int,
    Cs: Sequence[float],
    fold: NDArray[np.int64],
    weight: Array,
) -> ScoredPath:
    """Fit the path that solves ``problem``; ``y`` counts the ``classes`` that have examples, or are its labels."""
    return PATHS[problem.kind](problem, X, y, classes, Cs, fold, weight)


def _of_classes(
    _problem: Problem, X: Rows, y: Rows, classes: int, Cs: Sequence[float], fold: Folds, weight: Array
) -> ScoredPath:
    path = fit_path(X, y, classes, Cs, fold, weight)
    return ScoredPath(
        *(path.Cs, path.coef, path.intercept, path.oof_logits, path.converged, path.log_loss, path.accuracy),
        "log_loss",
        "accuracy",
        lower_is_better=False,
    )


def _of_labels(
    _problem: Problem, X: Rows, y: Rows, _classes: int, Cs: Sequence[float], fold: Folds, weight: Array
) -> ScoredPath:
    from transferium.functional.one_vs_rest import fit_one_vs_rest

    several = fit_one_vs_rest(X, y, Cs, fold, weight)
    return ScoredPath(
        *(several.Cs, several.coef, several.intercept, several.oof_scores, several.converged),
        *(several.log_loss, several.micro_f1, "log_loss", "micro_f1"),
        lower_is_better=False,
    )


def _of_amounts(
    _problem: Problem, X: Rows, y: Rows, _classes: int, Cs: Sequence[float], fold: Folds, weight: Array
) -> ScoredPath:
    from transferium.functional.ridge import fit_ridge_path

    ridge = fit_ridge_path(X, y.reshape(len(y), -1), Cs, fold, weight)
    unit = float(ridge.spread[0])
    return ScoredPath(
        *(ridge.Cs, ridge.coef, ridge.intercept, ridge.oof_scores, np.ones((len(ridge.Cs), 1), np.bool_)),
        *(ridge.squared_error * unit**2, ridge.absolute_error * unit, "squared_error", "absolute_error"),
        lower_is_better=True,
    )


def _of_words(
    problem: Problem, X: Rows, y: Rows, classes: int, Cs: Sequence[float], fold: Folds, weight: Array
) -> ScoredPath:
    """One class for each tag of a word; the words of a sentence are in its fold. A tag without a word is never best."""
    whose = owners(y)
    present, tags = np.unique(flat(y), return_inverse=True)
    path = fit_path(flat(X), tags, len(present), Cs, fold[whose], weight[whose])
    coef = np.zeros((len(path.Cs), classes, path.coef.shape[2]))
    never = path.intercept.min(axis=1) - NEVER
    intercept = np.repeat(never[:, None], classes, axis=1)
    coef[:, present], intercept[:, present] = path.coef, path.intercept
    scores = np.full((len(path.Cs), len(whose), classes), -NEVER)
    scores[:, :, present] = path.oof_logits
    oof: NDArray[Any] = np.empty((len(path.Cs), len(y)), object)
    merit: NDArray[Any] = np.zeros(path.log_loss.shape)
    for c in range(len(path.Cs)):
        oof[c] = like(y, scores[c])
        answers = linked(oof[c], problem.link)
        for k in range(merit.shape[1]):
            merit[c, k] = problem.merit(y[fold == k], answers[fold == k])
    return ScoredPath(
        *(path.Cs, coef, intercept, oof, path.converged, path.log_loss, merit, "log_loss", problem.headline),
        lower_is_better=False,
    )


PATHS: dict[str, Callable[..., ScoredPath]] = {
    "classes": _of_classes,
    "multi-label": _of_labels,
    "regression": _of_amounts,
    "entities": _of_words,
}
"""How a path is fitted and scored, by kind of problem."""
