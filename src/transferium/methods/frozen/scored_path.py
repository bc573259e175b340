"""The regularisation path of a linear model for any problem, and what every penalty scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.logistic import fit_path
from transferium.problems.problem import Problem

Array = NDArray[np.float64]


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
    if problem.kind == "classes":
        path = fit_path(X, y, classes, Cs, fold, weight)
        return ScoredPath(
            *(path.Cs, path.coef, path.intercept, path.oof_logits, path.converged, path.log_loss, path.accuracy),
            "log_loss",
            "accuracy",
            lower_is_better=False,
        )
    if problem.kind == "multi-label":
        from transferium.functional.one_vs_rest import fit_one_vs_rest

        several = fit_one_vs_rest(X, y, Cs, fold, weight)
        return ScoredPath(
            *(several.Cs, several.coef, several.intercept, several.oof_scores, several.converged),
            *(several.log_loss, several.micro_f1, "log_loss", "micro_f1"),
            lower_is_better=False,
        )
    from transferium.functional.ridge import fit_ridge_path

    ridge = fit_ridge_path(X, y.reshape(len(y), -1), Cs, fold, weight)
    unit = float(ridge.spread[0])
    return ScoredPath(
        *(ridge.Cs, ridge.coef, ridge.intercept, ridge.oof_scores, np.ones((len(ridge.Cs), 1), np.bool_)),
        *(ridge.squared_error * unit**2, ridge.absolute_error * unit, "squared_error", "absolute_error"),
        lower_is_better=True,
    )
