"""A few labelled target examples: who can learn from them, and how they join the source's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.deal import deal
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.methods.base import Fitted, Method, Task
from transferium.methods.probe import LinearProbe

Counts = NDArray[np.float64]
FEW_ALONE = "few-alone"
"""What the probe of the labelled target examples and nothing else is called."""
INSTEAD = "Use pooled, standardise, coral, a network such as mcc or cdan, or auto; or leave them out."


def refuse_few(method: Method, task: Task) -> None:
    """Raise ``InputError`` where the task has labelled target examples and the method would ignore them."""
    if task.target is not None and not method.learns_from_few:
        raise InputError(
            f"method {method.name!r} cannot learn from the {len(task.target)} labelled target examples"
            f"{method.why_not_few}. {INSTEAD}"
        )


def few_weight_setting(beside: str = "source row") -> Any:
    """The setting ``few_weight`` with its help, for methods on frozen features."""
    words = (
        f"how much a labelled target example counts beside a {beside} (none: the root of {beside}s per labelled one)"
    )
    return field(default=None, metadata={"range": (1.0, 100.0), "help": words})


def check_few_weight(weight: float | None) -> None:
    """Raise ``InputError`` for a weight that is not above 0."""
    if weight is not None and not 0 < weight < np.inf:
        raise InputError(f"few_weight must be above 0; it was {weight}.")


def weight_of_few(source: int, few: int, weight: float | None) -> float:
    """``weight``, or ``sqrt(source / few)``: halfway, as a power, between all rows alike and both domains alike.

    >>> weight_of_few(400, 4, None), weight_of_few(4, 400, None), weight_of_few(400, 4, 3.0)
    (10.0, 1.0, 3.0)
    """
    return max(1.0, (source / few) ** 0.5) if weight is None else weight


def joined(
    task: Task,
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
    both = Domain(Rows(rows), "features", ids, y, source.classes, name=source.name)
    groups = task.groups
    if groups is not None:
        groups = np.concatenate([groups, groups.max() + 1 + np.arange(len(few))])
    each = weight_of_few(len(source), len(few), weight)
    counts = np.concatenate([np.ones(len(source)) if counts is None else counts, np.full(len(few), each)])
    said = f"{len(few)} labelled target examples joined the {len(source)} source rows, each counting as {each:.3g}"
    return replace(task, train=both, groups=groups), both, counts / counts.mean(), (said,)


@dataclass
class Pooled(LinearProbe):
    """The linear probe of the source's rows and a few labelled target rows, which count more.

    ``min Σ_source ℓ + few_weight · Σ_few ℓ``: the plainest semi-supervised adaptation, and what any other must beat.
    It looks at no input without a label; prefer ``standardise`` or ``mcc`` where there are many of those.
    Ben-David et al., A theory of learning from different domains, Machine Learning 2010 (alpha-weighted error).
    """

    name: ClassVar[str] = "pooled"
    learns_from_few: ClassVar[bool] = True
    needs_few: ClassVar[bool] = True

    few_weight: float | None = few_weight_setting()

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        super().check()
        check_few_weight(self.few_weight)

    def fit(self, task: Task) -> Fitted:
        """Solve; raises ``InputError`` without labelled target examples."""
        if task.target is None:
            raise InputError(
                f"method {self.name!r} learns from a few labelled target examples, and there are none: give --few. "
                "Without any, this is source-only."
            )
        inner, both, counts, said = joined(task, task.embed(task.train), self.few_weight)
        fitted = without_few(self.solve(inner, both, counts), len(task.train))
        return replace(fitted, selection=replace(fitted.selection, notes=(*fitted.selection.notes, *said)))


def without_few(fitted: Fitted, source: int) -> Fitted:
    """The same, its out-of-fold answers those for the ``source`` rows alone."""
    oof = fitted.oof_probabilities
    return fitted if oof is None else replace(fitted, oof_probabilities=oof[:source])


def elect_with_few(
    task: Task, candidates: Mapping[str, Method], source_only: Method, validators: Sequence[str] = ()
) -> Fitted:
    """The election of ``auto`` where labelled target examples are there: candidates learn from them as they can.

    Where the vote falls back to source only, the probe of source and labelled target rows takes its place; where the
    labelled target examples do clearly better without the source, a probe of them alone: labels are better evidence
    than any validator has.
    """
    from transferium.methods.elect import elect

    elected = elect(task, candidates, source_only, validators)
    if task.target is None:
        return elected
    alone, name = elected.beside["source-only"], str(elected.selection.chosen["method"])
    method, chosen, why = candidates.get(name, Pooled()), elected, ""
    if name == "source-only":
        chosen, name = method.fit(replace(task, backbone=elected.backbone)), Pooled.name
        told = f"the {len(task.target)} labelled target examples"
        why = f"pooled stands in for source only, since it learns from {told} too"
    if better := _better_alone(task, alone, name, method):
        chosen, name, why = _of_few(task, task.target), FEW_ALONE, better
    if not why:
        return elected
    how = elected.selection
    selection = replace(
        how,
        candidates=[*how.candidates, {"method": name, "mean_rank": None}],
        chosen={"method": name},
        notes=(why, *how.notes, *chosen.selection.notes),
    )
    return replace(chosen, selection=selection, beside={**elected.beside, name: chosen})


def probe_of_few(task: Task) -> Fitted | None:
    """The probe of the labelled target examples and nothing else; None where they hold fewer than two classes."""
    few = task.target
    return None if few is None or len(np.unique(few.y)) < 2 else _of_few(task, few)


def _of_few(task: Task, few: Domain) -> Fitted:
    alone = replace(task, train=few, groups=few.groups, sources=None, target=None, unlabeled=None, workdir=None)
    return replace(LinearProbe().fit(alone), method=FEW_ALONE)


def _better_alone(task: Task, source_only: Fitted, name: str, method: Method) -> str:
    """Why the labelled target examples alone are a better source than the source; empty where they are not.

    Each half of them is answered for by models that learned from the other half. Against source only, which saw none,
    that costs nothing; only where they win there (a sign test at 5 %), the chosen method is asked in the same way, but
    within a budget none that moves a backbone.
    """
    few = task.target
    assert few is not None
    half = deal(few.y, few.groups, np.full(2, 0.5), task.seed)
    present = len(np.unique(few.y))
    if present < 2 or any(len(np.unique(few.y[half == k])) < present for k in (0, 1)):
        return ""
    # Alone is without the source: not over a backbone that was trained on it.
    own = replace(task, workdir=None, progress=None, part=True)
    over = own if method.moves_backbone else replace(own, backbone=source_only.backbone)
    alone = _each_from_the_other(few, half, lambda known: _of_few(own, known), task)
    costly = task.budget_s is not None and method.moves_backbone
    if costly or not _clearly_more(alone, _right(few, source_only, task)):
        return ""
    beside = _each_from_the_other(few, half, lambda known: method.fit(replace(over, target=known)), task)
    if not _clearly_more(alone, beside):
        return ""
    return (
        f"the source is no help: of {len(few)} labelled target examples, each half by what the other half taught, a "
        f"probe of these alone gets {alone.sum()} right, {name} with the source beside them {beside.sum()}"
    )


def _each_from_the_other(
    few: Domain, half: NDArray[np.int64], fit: Callable[[Domain], Fitted], task: Task
) -> NDArray[np.bool_]:
    """Which examples are answered rightly by what learned from the other half of them."""
    right = np.empty(len(few), np.bool_)
    for k in (0, 1):
        right[half == k] = _right(few.take(half == k), fit(few.take(half != k)), task)
    return right


def _right(examples: Domain, fitted: Fitted, task: Task) -> NDArray[np.bool_]:
    return np.asarray(fitted.head.predict(task.embed(examples, fitted.backbone).features) == examples.y)


def _clearly_more(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> bool:
    from scipy.stats import binomtest

    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return bool(binomtest(won, max(won + lost, 1), alternative="greater").pvalue < 0.05)
