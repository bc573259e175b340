"""The choice of ``auto`` where a few target examples have labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.stratified_split import stratified_split
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.shallow_adaptation.labelled_target import Pooled

FEW_ALONE = "few-alone"
"""The name of the probe that is trained on the labelled target examples alone."""


def elect_with_few(
    task: AdaptationTask, candidates: Mapping[str, Method], source_only: Method, validators: Sequence[str] = ()
) -> AdaptedModel:
    """The election of ``auto`` with labelled target examples, which candidates learn from if they can.

    Where the vote falls back to source only, the probe of source and labelled target rows takes its place; where the
    labelled target examples do clearly better without the source, a probe of them alone: labels are better evidence
    than any validator has.
    """
    from transferium.methods.model_selection.election import elect

    elected = elect(task, candidates, source_only, validators)
    if task.target is None:
        return elected
    alone, name = elected.beside["source-only"], str(elected.selection.chosen["method"])
    method, why = candidates.get(name, Pooled()), ""
    chosen: Fitted = elected
    if name == "source-only":
        chosen, name = method.adapt(replace(task, backbone=elected.backbone)), Pooled.name
        told = f"the {len(task.target)} labelled target examples"
        why = f"pooled stands in for source only, since it learns from {told} too"
    if better := _better_alone(task, alone, name, method):
        chosen, name, why = _of_few(task, task.target), FEW_ALONE, better
    if not why:
        return elected
    how = elected.selection
    selection = replace(
        how,
        candidates=[*how.candidates, {"method": name}],
        chosen={"method": name},
        notes=(why, *how.notes, *chosen.selection.notes),
    )
    return AdaptedModel.of(chosen, selection=selection, beside={**elected.beside, name: chosen})


def probe_of_few(task: AdaptationTask) -> Fitted | None:
    """The probe of the labelled target examples and nothing else; None where they hold fewer than two classes."""
    few = task.target
    return None if few is None or len(np.unique(few.y)) < 2 else _of_few(task, few)


def _of_few(task: AdaptationTask, few: Domain) -> Fitted:
    alone = replace(task.without_target(), train=few, groups=few.groups, workdir=None)
    return replace(LinearProbe().fit(alone), method=FEW_ALONE)


def _better_alone(task: AdaptationTask, source_only: Fitted, name: str, method: Method) -> str:
    """Why the labelled target examples alone are a better source than the source; empty where they are not.

    Each half of them is predicted by models that learned from the other half. Comparing with source only, which saw
    none, costs nothing. Only where they win there (a sign test at 5 %), the chosen method is compared in the same way,
    but not, within a budget, one that moves a backbone.
    """
    few = task.target
    assert few is not None
    half = stratified_split(few.y, few.groups, np.full(2, 0.5), task.seed)
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
    beside = _each_from_the_other(few, half, lambda known: method.adapt(replace(over, target=known)), task)
    if not _clearly_more(alone, beside):
        return ""
    return (
        f"the source is no help: of {len(few)} labelled target examples, each half by what the other half taught, a "
        f"probe of these alone gets {alone.sum()} right, {name} with the source beside them {beside.sum()}"
    )


def _each_from_the_other(
    few: Domain, half: NDArray[np.int64], fit: Callable[[Domain], Fitted], task: AdaptationTask
) -> NDArray[np.bool_]:
    """Which examples are predicted rightly by a model that learned from the other half."""
    right = np.empty(len(few), np.bool_)
    for k in (0, 1):
        right[half == k] = _right(few.take(half == k), fit(few.take(half != k)), task)
    return right


def _right(examples: Domain, fitted: Fitted, task: AdaptationTask) -> NDArray[np.bool_]:
    return np.asarray(fitted.head.predict(task.embed(examples, fitted.backbone).features) == examples.y)


def _clearly_more(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> bool:
    from scipy.stats import binomtest

    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return bool(binomtest(won, max(won + lost, 1), alternative="greater").pvalue < 0.05)
