"""A few labelled target examples: how they join the source's rows, and a probe of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.errors import InputError, option
from transferium.functional.adaptation.affine import Affine
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearSolver
from transferium.methods.method import Method, NeedsTarget
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.problems.classes import Classes

Counts = NDArray[np.float64]


def few_weight_setting(beside: str = "source row") -> Any:
    """The setting ``few_weight`` with its help, for methods on frozen features."""
    words = (
        f"how much a labelled target example counts beside a {beside} (none: the root of {beside}s per labelled one)"
    )
    return setting(None, words, (1.0, 100.0), {"above": 0})


def weight_of_few(source: int, few: int, weight: float | None) -> float:
    """``weight``, or ``sqrt(source / few)``: halfway, as a power, between all rows alike and both domains alike.

    >>> weight_of_few(400, 4, None), weight_of_few(4, 400, None), weight_of_few(400, 4, 3.0)
    (10.0, 1.0, 3.0)
    """
    return max(1.0, (source / few) ** 0.5) if weight is None else weight


def joined(
    task: AdaptationTask,
    source: Domain,
    weight: float | None,
    *,
    counts: Counts | None = None,
    map_: Affine | None = None,
) -> tuple[Task, Domain, Counts | None, tuple[str, ...]]:
    """Source rows, and below them the labelled target rows where there are any (moved by ``map_``), with their counts.

    ``counts`` say how much each source row counts, mean 1; those that are returned average 1 over all rows. The last
    is what to say.
    """
    if task.target is None:
        return task, source, counts, ()
    few = task.embed(task.target).features
    rows = np.concatenate([source.features, np.asarray(few if map_ is None else map_(few))])
    ids, y = [*source.ids, *task.target.ids], np.concatenate([source.y, task.target.y])
    both = Domain(Rows(rows), "features", ids, y, source.problem, name=source.name)
    groups = task.groups
    if groups is not None:
        groups = np.concatenate([groups, groups.max() + 1 + np.arange(len(few))])
    each = weight_of_few(len(source), len(few), weight)
    counts = np.concatenate([np.ones(len(source)) if counts is None else counts, np.full(len(few), each)])
    said = f"{len(few)} labelled target examples joined the {len(source)} source rows, each counting as {each:.3g}"
    return replace(task, train=both, groups=groups), both, counts / counts.mean(), (said,)


@dataclass
class Pooled(NeedsTarget, LinearSolver, Method):
    """The linear probe of the source's rows and a few labelled target rows, which count more.

    ``min Σ_source ℓ + few_weight · Σ_few ℓ``: the plainest semi-supervised adaptation, and what any other must beat.
    It looks at no input without a label; prefer ``standardise`` or ``mcc`` where there are many of those.
    Ben-David et al., A theory of learning from different domains, Machine Learning 2010 (alpha-weighted error).
    """

    name: ClassVar[str] = "pooled"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    learns_from_few: ClassVar[bool] = True
    needs_few: ClassVar[bool] = True

    few_weight: float | None = few_weight_setting()

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Solve; raises ``InputError`` without labelled target examples."""
        if task.target is None:
            raise InputError(
                f"method {self.name!r} learns from a few labelled target examples, and there are none: give "
                f"{option('few')}. Without any, this is source-only."
            )
        inner, both, counts, said = joined(task, task.embed(task.train), self.few_weight)
        fitted = without_few(self.solve(inner, both, counts), len(task.train))
        selection = replace(fitted.selection, notes=(*fitted.selection.notes, *said))
        return AdaptedModel.of(fitted, selection=selection)


def without_few(fitted: Fitted, source: int) -> Fitted:
    """The same, its out-of-fold answers those for the ``source`` rows alone."""
    oof = fitted.oof_outputs
    return fitted if oof is None else replace(fitted, oof_outputs=oof[:source])
