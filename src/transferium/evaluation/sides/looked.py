"""What every side of an evaluation looks at: a model, the examples that it is evaluated on, and those it learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
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


@dataclass(frozen=True, eq=False)
class Looked:
    """A model, ``held`` (what it is evaluated on) and ``train`` (what it learned from; None: not among what was given).

    ``fresh`` is False where all that was given was learned from. ``sampled`` says what of large data is looked at.
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
