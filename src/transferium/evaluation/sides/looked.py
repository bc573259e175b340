"""What every side of an evaluation looks at: a model, the examples that it is evaluated on, and those it learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError
from transferium.evaluation.references import answers_on
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.sources.bundled import BUNDLED
from transferium.problems.classes import Classes
from transferium.problems.evaluation import Evaluation
from transferium.problems.problem import Problem

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Seen:
    """Labelled examples by the model's own labels, their features and the model's outputs, row by row."""

    domain: Domain
    features: Array
    outputs: Array

    def __len__(self) -> int:
        return len(self.domain)

    def take(self, at: Array) -> Seen:
        """Some of them: their positions, or a mark for each."""
        return Seen(self.domain.take(at), self.features[at], self.outputs[at])


@dataclass(frozen=True, eq=False)
class Looked:
    """A model, ``held`` (what it is evaluated on) and ``train`` (what it learned from; None: not among what was given).

    ``fresh`` is False where all that was given was learned from. ``sampled`` says what of large data is looked at.
    ``before`` is the backbone before it moved, where that is known: that of the model which never saw the target.
    ``quick`` asks for a few seconds in place of a minute.
    """

    model: Artifact
    held: Seen
    train: Seen | None
    embedder: Embedder
    seed: int
    fresh: bool = True
    quick: bool = False
    sampled: str = ""
    before: Backbone | None = None

    @property
    def problem(self) -> Problem:
        """What is predicted."""
        return self.model.problem

    def measured(self, seen: Seen) -> Evaluation:
        """The figures of the model on ``seen``."""
        y, groups = seen.domain.y, seen.domain.groups
        return self.problem.evaluate(y, seen.outputs, seed=self.seed, groups=groups)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The figures of the model on what it is evaluated on."""
        return self.measured(self.held)

    def error(self, labels: Array, outputs: Array) -> float:
        """The headline figure where it is an error, else 1 less it."""
        merit = self.problem.merit(labels, outputs)
        return merit if self.problem.lower_is_better else 1 - merit

    def task(self, learn: Domain) -> Task:
        """Learning from ``learn`` on the model's backbone."""
        return Task(learn, None, self.model.backbone, self.embedder, self.seed, groups=learn.groups, part=True)

    @property
    def moved(self) -> bool:
        """Whether the backbone is not what it was before: where that is not known, whether it was ever trained."""
        if self.before is not None:
            return self.before.fingerprint != self.model.backbone.fingerprint
        return self.trained

    @property
    def trained(self) -> bool:
        """Whether the backbone was trained here, so that its features know the labels of what it learned from."""
        backbone = self.model.backbone
        return backbone.tuned or backbone.weights is not None or backbone.adapter is not None

    @cached_property
    def origin(self) -> Backbone:
        """The backbone before it moved: ``before``, or the bundled one of its name.

        Of one that did not move and is not bundled, what there is. Raises ``BackboneError`` where none is known; no
        weights are asked for from elsewhere.
        """
        backbone = self.model.backbone
        if self.before is not None or (backbone.fresh is not None and not self.moved):
            return self.before or backbone
        if backbone.name in BUNDLED:
            return replace(find_backbone(backbone.name, backbone.kind), preprocess=backbone.preprocess)
        if self.moved:
            raise BackboneError(f"{backbone.name} as it was before it was trained does not come with this package")
        return backbone

    @property
    def network(self) -> Backbone:
        """The backbone whose layers can be looked into: of a saved one that moved nothing, the one of its name."""
        backbone = self.model.backbone
        return backbone if backbone.blocks or self.moved else self.origin

    @cached_property
    def reference(self) -> Fitted | None:
        """The reference without transfer: a probe of random weights, fitted to what the model learned from.

        As beside a fit, images are read at half the side. None where that is not among what was given, where no
        pretrained backbone is involved, and where how to draw its weights is not known.
        """
        return self._probe_of_random(full=False)

    @cached_property
    def finer_reference(self) -> Fitted | None:
        """The same, which reads as much of each example as the model; None where ``reference`` does so already."""
        coarse = None if self.reference is None else self.reference.backbone.preprocess
        own = self.origin.preprocess
        if coarse is None or own is None or coarse.fineness == own.fineness:
            return None
        return self._probe_of_random(full=True)

    def _probe_of_random(self, *, full: bool) -> Fitted | None:
        if self.train is None:
            return None
        try:
            backbone = self.origin
        except BackboneError:
            return None
        if not backbone.pretrained or backbone.fresh is None:
            return None
        if self.problem.on_frozen != LinearProbe.name:  # it would be trained for minutes, as it was beside the fit
            return None
        return LinearProbe().fit(replace(self.task(self.train.domain), backbone=randomised(backbone, full=full)))

    def answers_of(self, reference: Fitted) -> Array:
        """The outputs of a reference for what is evaluated on."""
        return answers_on(self.task(self.held.domain), reference, self.held.domain)[0]

    @cached_property
    def without_transfer(self) -> Array | None:
        """The outputs of ``reference``."""
        return None if self.reference is None else self.answers_of(self.reference)

    def of_classes(self, what: str) -> NDArray[np.int64]:
        """The labels; raises ``DataError`` where they are no classes, which ``what`` is about."""
        if not isinstance(self.problem, Classes):
            raise DataError(f"{what} is of classes, and this model predicts {self.problem.said()}")
        labels: NDArray[np.int64] = self.held.domain.y
        return labels

    def need_fresh(self, what: str) -> None:
        """Raise ``DataError`` where ``what`` would be of examples that the model learned from."""
        if not self.fresh:
            raise DataError(f"{what} needs examples that were not learned from, and all of these were")
