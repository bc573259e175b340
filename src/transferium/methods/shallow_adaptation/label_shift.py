"""Label shift: the target's class shares, estimated without its labels and put into the head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from transferium.data.doctor.findings import some
from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.functional.adaptation.label_shift import bbse, saerens
from transferium.functional.matrices import Array, Labels
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearSolver
from transferium.methods.method import Method, NeedsTarget
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.labelled_target import (
    few_weight_setting,
    joined,
    without_few,
)
from transferium.models.heads.linear import linear
from transferium.problems.classes import Classes

LEAST = 1e-4
"""A class estimated to be absent keeps this share: it can still be predicted."""


@dataclass
class Corrected(NeedsTarget, LinearSolver, Method):
    """Source only, its answers corrected for the target's class shares, however these are found."""

    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    needs_target: ClassVar[bool] = True
    learns_from_few: ClassVar[bool] = True

    strength: float = setting(1.0, "how far to go; 0 is source only, bit for bit", (0.0, 1.0), {"most": 1})
    few_weight: float | None = few_weight_setting()

    @property
    def estimated_by(self) -> str:
        """How the shares are found: em or bbse."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it finds the shares")

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Fit the source, estimate the shares, shift the intercepts."""
        target = task.target_features().features
        inner, both, counts, said = joined(task, task.embed(task.train), self.few_weight)
        fitted = without_few(self.solve(inner, both, counts), len(task.train))
        prior = np.bincount(both.y, weights=counts, minlength=task.classes) / len(both)
        shares = np.maximum(self._shares(task, fitted, fitted.head.outputs(target), prior), LEAST)
        change = np.zeros(task.classes)
        change[prior > 0] = np.log(shares[prior > 0] / prior[prior > 0])
        at_home = linear(fitted.head)
        head = replace(at_home, bias=at_home.bias + self.strength * at_home.temperature * change)
        words = ", ".join(f"{name} {p:.3f}" for name, p in zip(task.train.classes, shares, strict=True))
        words = f"class shares of the target ({self.estimated_by}): {words}"
        selection = replace(fitted.selection, notes=(*fitted.selection.notes, words, *said))
        return AdaptedModel.of(fitted, head=head, source_head=fitted.head, selection=selection)

    def _shares(self, task: AdaptationTask, fitted: Fitted, seen: Array, prior: Array) -> Array:
        if self.estimated_by == "em":
            return saerens(seen, prior)
        return bbse(*held_out_answers(task.train, fitted), seen)


@dataclass
class LabelShift(Corrected):
    """Source only, its answers corrected for the target's class shares.

    ``p_c · (q_c / prior_c)``, renormalised.
    ``estimate="em"`` is maximum likelihood over the calibrated answers, ``"bbse"`` matches the confusion seen on
    out-of-fold source rows. It assumes that classes look the same in both domains and only their shares differ; under
    any other shift it is wrong. Labelled target examples join the source's rows, ``few_weight`` each, and the shares of
    all of these are what is corrected. Lipton et al., Detecting and correcting for label shift with black box
    predictors, ICML 2018; Saerens et al., Neural Computation 2002.
    """

    name: ClassVar[str] = "label-shift"

    estimate: str = setting("em", "em or bbse", choices=("em", "bbse"))

    @property
    def estimated_by(self) -> str:
        return self.estimate


@dataclass
class BBSE(Corrected):
    """Label shift estimated from the confusion on out-of-fold source rows.

    ``argmin_q ||C q - μ||²`` over ``q >= 0``: ``C[k, c]`` is the mean probability of ``k`` over held-out rows of ``c``,
    ``μ[k]`` that over the target. Prefer it to ``em`` where answers are not calibrated; it needs held-out rows of every
    class.
    Lipton et al., Detecting and correcting for label shift with black box predictors, ICML 2018.
    """

    name: ClassVar[str] = "bbse"

    @property
    def estimated_by(self) -> str:
        return "bbse"


@dataclass
class EM(Corrected):
    """Label shift estimated by maximum likelihood over calibrated answers.

    ``q <- mean_i p_i ⊙ (q / prior) / Σ`` until ``q`` rests. Prefer it to ``bbse`` where answers are calibrated:
    it varies less. Under any other shift it may give one class nearly all.
    Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 2002.
    """

    name: ClassVar[str] = "em"

    @property
    def estimated_by(self) -> str:
        return "em"


def held_out_answers(source: Domain, fitted: Fitted) -> tuple[Labels, Array]:
    """Labels of the source rows that were held out, and what was answered; a class without any is a ``DataError``."""
    answers = fitted.oof_outputs
    if answers is None:
        raise DataError("the source has too few examples to hold any out, so nothing is known of the answers' errors")
    held = ~np.isnan(answers).any(axis=1)
    unknown = np.setdiff1d(np.arange(len(source.classes)), source.y[held])
    if len(unknown):
        named = some((repr(source.classes[k]) for k in unknown), 3)
        raise DataError(
            f"the source has too few examples of {named} to hold any out, so it is not known how they are answered. "
            "Add some, or leave the class out."
        )
    return source.y[held], answers[held]
