"""Adaptation in closed form: move or re-weight the source's features, solve the probe, fold the map into its head."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine, Alignment
from transferium.functional.matrices import Array
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.frozen.linear_probe import LinearSolver
from transferium.methods.method import Method, NeedsTarget
from transferium.methods.multi_source import row_weights
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.labelled_target import (
    few_weight_setting,
    joined,
    without_few,
)
from transferium.models.heads.base import AnyHead
from transferium.models.heads.linear import Head, linear
from transferium.problems.classes import Classes

LARGEST = 50_000_000
"""The most pairs of rows for a method that uses every pair."""


@dataclass(frozen=True, eq=False)
class Moved:
    """Where both domains go and how much each source row counts.

    ``rows`` stands in for the source where its map is not affine, and then ``alignment.source`` is not used.
    """

    alignment: Alignment = field(default_factory=lambda: Alignment(Affine()))
    counts: NDArray[np.float64] | None = None
    rows: Array | None = None
    notes: tuple[str, ...] = ()


@dataclass
class Shallow(NeedsTarget, LinearSolver, Method):
    """A linear probe of the source after its features were moved or re-weighted for the target.

    Labelled target examples join the source's rows, moved as the target is, ``few_weight`` each. Folds, grid and
    temperature are the probe's: see there.
    """

    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    needs_target: ClassVar[bool] = True
    learns_from_few: ClassVar[bool] = True

    strength: float = setting(1.0, "how far to go; 0 is source only, bit for bit", (0.0, 1.0), {"most": 1})
    sources: str = setting(
        "combined",
        "several sources: combined, weighted by likeness to the target, or votes of one model each",
        choices=("combined", "weighted", "votes"),
    )
    few_weight: float | None = few_weight_setting()

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Move, solve, fold."""
        if self.sources == "votes" and task.sources is not None:
            from transferium.methods.multi_source import vote_of_sources

            return vote_of_sources(self, task)
        target, source = task.target_features(), task.embed(task.train)
        moved = self._move(task, source, np.asarray(target.features, np.float64))
        counts, notes = self._counts(task, source, target, moved)
        rows = moved.alignment.source(source.features) if moved.rows is None else moved.rows
        inner, seen, counts, said = joined(
            task, source.embedded(np.asarray(rows)), self.few_weight, counts=counts, map_=moved.alignment.target
        )
        fitted = without_few(self.solve(inner, seen, counts), len(source))
        return AdaptedModel.of(
            fitted,
            head=folded(fitted.head, moved.alignment.target),
            source_head=None if moved.rows is not None else folded(fitted.head, moved.alignment.source),
            alignment=None if moved.rows is not None else moved.alignment,
            selection=replace(fitted.selection, notes=(*fitted.selection.notes, *moved.notes, *notes, *said)),
        )

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        raise NotImplementedError(f"{type(self).__name__} does not say where the features go")

    def _counts(
        self, task: AdaptationTask, source: Domain, target: Domain, moved: Moved
    ) -> tuple[NDArray[np.float64] | None, list[str]]:
        if self.sources != "weighted" or task.sources is None:
            return moved.counts, []
        weights, note = row_weights(np.asarray(task.sources), source.features, target.features, moved.counts)
        return weights, [note]


def folded(head: AnyHead, map_: Affine) -> Head:
    """The head on unmoved features that equals ``head`` on moved ones."""
    plain = linear(head)
    return Head(*map_.fold(plain.weight, plain.bias), plain.temperature)


def unit(source: Any, target: Any) -> float:
    """What features are multiplied by so that rows of both domains have a mean squared length of 1."""
    squares = [float((np.asarray(m, np.float64) ** 2).sum(axis=1).mean()) for m in (source, target)]
    mean = sum(squares) / 2
    return mean**-0.5 if mean > 0 else 1.0


def check_pairs(name: str, n: int, m: int) -> None:
    """Raise ``InputError`` where looking at every pair of rows would not fit."""
    if n * m > LARGEST:
        raise InputError(
            f"{name} looks at every pair of rows, and {n} times {m} are too many (at most {LARGEST:,}): "
            "take fewer examples, or use coral or standardise."
        )
