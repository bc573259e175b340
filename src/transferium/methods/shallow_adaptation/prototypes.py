"""Class prototypes from the target's own examples with pseudo-labels: self-labelling without training."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import unit_rows
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method, NeedsTarget
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.labelled_target import (
    Pooled,
    few_weight_setting,
    weight_of_few,
)
from transferium.models.heads.linear import Head
from transferium.selection.selection import Selection

Array = NDArray[np.float64]


@dataclass
class Prototypes(NeedsTarget, Method):
    """Cosine to class prototypes of the target, found by alternating from source-only's answers.

    ``c_k = mean of x̂_i weighted by p_ik`` over target rows of unit length, ``p_i`` source-only's probabilities at
    first and then one-hot at the nearest prototype; ``rounds`` times. This is SHOT's pseudo-labelling by itself: no
    network, some milliseconds, a head that stays linear in the features. Labelled target examples keep their labels and
    count ``few_weight`` each. It follows any shift that keeps every class a
    cluster of the target; where classes are no clusters (most sentiment data) it finds other groups and is wrong.
    Liang et al., Do we really need to access the source data?, ICML 2020, section 3.3.
    """

    name: ClassVar[str] = "prototypes"
    needs_target: ClassVar[bool] = True
    learns_from_few: ClassVar[bool] = True

    rounds: int = setting(5, "alternations of labels and prototypes", (1, 20))
    few_weight: float | None = few_weight_setting("target row")

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Fit source-only (with labelled target rows: the probe of both), then move its prototypes into the target."""
        source_only = Pooled().adapt(task) if task.target is not None else task.probe or LinearProbe().adapt(task)
        spent = {} if source_only is task.probe else source_only.seconds
        started = time.perf_counter()
        seen, source = task.target_features().features, task.embed(task.train)
        target, shares = unit_rows(seen), softmax(source_only.head.logits(seen))
        home = source_prototypes(unit_rows(source.features), source.y, task.classes)
        known, told, said = self._known(task, len(target))
        at, moved = followed(target, shares, home, known, told, rounds=self.rounds)
        none = np.zeros(task.classes)
        # The same rule at home: the target has no labels to calibrate with.
        temperature = fit_temperature(Head(home, none).logits(source.features), source.y)
        return AdaptedModel(
            method=self.name,
            backbone=task.backbone,
            head=Head(at, none, temperature),
            source_head=Head(home, none, temperature),
            selection=Selection("no comparison", "the target's inputs", [{"rounds": self.rounds}], {}, said),
            history=[{"step": i, "labels_changed": share} for i, share in enumerate(moved)],
            seconds=spent | {"alternate": time.perf_counter() - started},
        )

    def _known(self, task: AdaptationTask, target: int) -> tuple[Array, Array, tuple[str, ...]]:
        """Labelled target rows of unit length, their shares in the prototypes, and what to say of them."""
        if task.target is None:
            return np.empty((0, task.backbone.width)), np.empty((0, task.classes)), ()
        rows, each = task.embed(task.target), weight_of_few(target, len(task.target), self.few_weight)
        said = f"{len(rows)} labelled target examples keep their labels, each counting as {each:.3g} target rows"
        return unit_rows(rows.features), each * np.eye(task.classes)[rows.y], (said,)


def followed(
    target: Array, shares: Array, home: Array, known: Array | None = None, told: Array | None = None, *, rounds: int = 5
) -> tuple[Array, list[float]]:
    """Where the classes of ``target`` rows of unit length lie, and the share of labels that each round changed.

    ``shares`` are the first answers, ``home`` the prototypes of classes that none goes to; ``known`` rows keep the
    shares ``told`` of them.
    """
    rows, at, changed = target if known is None else np.concatenate([target, known]), home, []
    for _ in range(rounds):
        at = prototypes(rows, shares if told is None else np.concatenate([shares, told]), at)
        nearest = np.eye(len(at))[(target @ at.T).argmax(axis=1)]
        changed.append(float((nearest.argmax(1) != shares.argmax(1)).mean()))
        shares = nearest
    return at, changed


def prototypes(rows: Array, shares: Array, before: Array) -> Array:
    """``(classes, width)`` unit means of ``rows (n, width)`` weighted by ``shares (n, classes)``.

    A class that nothing is given to keeps its place in ``before``.
    """
    mass = shares.sum(axis=0)[:, None]
    return np.where(mass > 1e-9, unit_rows(shares.T @ rows), before)


def source_prototypes(rows: Array, y: NDArray[np.int64], classes: int) -> Array:
    """Where each class lies in the source, ``(classes, width)``; noughts for a class without examples."""
    return prototypes(rows, np.eye(classes)[y], np.zeros((classes, rows.shape[1])))
