"""Boosting with a source that may mislead, towards a few labelled target rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.adaptation.tradaboost import Boosted, tradaboost
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import Linear, fit_linear
from transferium.functional.matrices import Array, Labels
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.method import Method, NeedsTarget
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.base import unit
from transferium.models.heads.linear import Head
from transferium.selection.selection import Selection

FEWEST = 10
"""Labelled target examples below which nothing is held out for a temperature."""


@dataclass
class TrAdaBoost(NeedsTarget, Method):
    """Boosting over source and a few labelled target rows: misleading source rows lose weight.

    The members of the later rounds are averaged as logits with the paper's weights instead of voting, so that one
    linear head holds them. Needs labelled target examples, some tens; prefer any unsupervised method without them.
    ``rounds`` 0 is the classifier of both domains pooled. Dai et al., Boosting for transfer learning, ICML 2007.
    """

    name: ClassVar[str] = "tradaboost"
    learns_from_few: ClassVar[bool] = True
    needs_few: ClassVar[bool] = True

    rounds: int = setting(10, "rounds of boosting", (0, 20))
    penalty: float = setting(1.0, "of each member, for features of about unit variance", (1e-2, 1e2))

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Boost; the temperature is from target rows answered by a model that was not shown them."""
        if task.target is None:
            raise InputError(
                f"method {self.name!r} learns from a few labelled target examples, and there are none. "
                "Without any, use coral, cdan or mcc."
            )
        started = time.perf_counter()
        source, few = task.embed(task.train), task.embed(task.target)
        x, z = (np.asarray(d.features, np.float64) for d in (source, few))
        scale = unit(x, z) * np.sqrt(x.shape[1])
        model = self._boost(x * scale, source.y, z * scale, few.y, task.classes)
        temperature, note = self._temperature(x * scale, source.y, z * scale, few.y, task)
        weight, bias = _averaged(model)
        return AdaptedModel(
            method=self.name,
            backbone=task.backbone,
            head=Head(weight * scale, bias, temperature),
            selection=Selection("no comparison", "source and labelled target", [{"rounds": self.rounds}], {}, (note,)),
            history=[{"step": i, "target_error": e} for i, e in enumerate(model.errors)],
            seconds={"solve": time.perf_counter() - started},
        )

    def _boost(self, x: Array, y: Labels, z: Array, few: Labels, classes: int) -> Boosted:
        fit = partial(fit_linear, classes=classes, penalty=self.penalty)
        return tradaboost(x, y, z, few, fit, rounds=self.rounds)

    def _temperature(
        self, x: Array, y: Labels, z: Array, few: NDArray[np.int64], task: AdaptationTask
    ) -> tuple[float, str]:
        if len(few) < FEWEST:
            return 1.0, f"{len(few)} labelled target examples are too few to calibrate by: the temperature is 1"
        half = np.random.default_rng(task.seed).permutation(len(few)) % 2 == 0
        logits = np.empty((len(few), task.classes))
        for here in (half, ~half):
            weight, bias = _averaged(self._boost(x, y, z[here], few[here], task.classes))
            logits[~here] = z[~here] @ weight.T + bias
        return float(fit_temperature(logits, few)), "the temperature is from halves of the labelled target examples"


def _averaged(model: Boosted) -> tuple[Array, Array]:
    members = [m for m in model.members if isinstance(m, Linear)]
    votes = np.asarray(model.votes) / sum(model.votes)
    weight = np.sum([v * m.weight for v, m in zip(votes, members, strict=True)], axis=0)
    return weight, np.sum([v * m.bias for v, m in zip(votes, members, strict=True)], axis=0)
