"""The choice of ``auto`` where a few target examples have labels: these decide; if it is unclear, source only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.model_selection.guards import FEWEST
from transferium.methods.shallow_adaptation.labelled_target import Pooled

FEW_ALONE = "few-alone"
"""The name of the probe that is trained on the labelled target examples alone."""
RULE = (
    "source only, unless the probe of both, then what the target's inputs chose, then a probe of the labelled target "
    "examples alone has a smaller log-loss on these by more than one standard error, cross-validated (the last must "
    "also be right more often by a sign test at 5 %)"
)
FOLDS, FOLDS_OF_NETWORKS = 5, 2
"""Folds of the labelled target examples; fewer where each takes the training of a backbone."""
FLOOR = 1e-12
"""The least probability that a log-loss is taken of."""


@dataclass(frozen=True)
class Challenger:
    """A model to learn anew from other labelled target examples, on how many folds, and whether it drops the source."""

    fit: Callable[[Domain], Fitted]
    folds: int = FOLDS
    drops_source: bool = False


def elect_with_few(
    task: AdaptationTask, candidates: Mapping[str, Method], source_only: Method, validators: Sequence[str] = ()
) -> AdaptedModel:
    """The election of ``auto``; with labelled target examples, which candidates learn from if they can, by ``RULE``.

    Where these are fewer than ``FEWEST``, no more is asked of them: the vote stands, and for source only the probe of
    source and labelled target rows, in which so few count little.
    """
    from transferium.methods.model_selection.election import elect

    elected = elect(task, candidates, source_only, validators)
    if task.target is None:
        return elected
    first, method = str(elected.selection.chosen["method"]), candidates.get(str(elected.selection.chosen["method"]))
    if task.budget_s is not None and method is not None and method.moves_backbone:
        return elected  # to ask the labels would take as long as several trainings
    challengers = _challengers(task, elected, first, method)
    name, why = _elected_by(task, task.target, elected.beside["source-only"], challengers)
    if not why:
        name = Pooled.name if first == "source-only" else first
        why = f"{len(task.target)} labelled target examples are too few to choose by (fewer than {FEWEST} to hold out)"
        why += f": {Pooled.name} stands in for source only, since it learns from them too" if name != first else ""
    chosen = elected.beside.get(name) or challengers[name].fit(task.target)
    how = elected.selection
    rows = how.candidates if name in elected.beside else [*how.candidates, {"method": name}]
    notes = (why, *how.notes, *(chosen.selection.notes if name != first else ()))
    selection = replace(how, rule=f"{RULE} ({how.rule})", candidates=rows, chosen={"method": name}, notes=notes)
    return AdaptedModel.of(chosen, selection=selection, beside={**elected.beside, name: chosen})


def probe_of_few(task: AdaptationTask) -> Fitted | None:
    """The probe of the labelled target examples and nothing else; None where they hold fewer than two classes."""
    few = task.target
    return None if few is None or len(np.unique(few.y)) < 2 else _of_few(task, few)


def _of_few(task: AdaptationTask, few: Domain) -> Fitted:
    alone = replace(task.without_target(), train=few, groups=few.groups, workdir=None)
    return replace(LinearProbe().fit(alone), method=FEW_ALONE)


def _challengers(
    task: AdaptationTask, elected: AdaptedModel, name: str, method: Method | None
) -> dict[str, Challenger]:
    """Those of ``RULE``, in its order; ``method`` is the one that was elected under ``name``, if one was."""
    own = replace(task, workdir=None, progress=None, part=True)
    over = replace(own, backbone=elected.beside["source-only"].backbone)
    found = {Pooled.name: Challenger(lambda known: Pooled().adapt(replace(over, target=known)))}
    if method is not None:
        base, folds = (own, FOLDS_OF_NETWORKS) if method.moves_backbone else (over, FOLDS)
        found[name] = Challenger(lambda known: method.adapt(replace(base, target=known)), folds)
    assert task.target is not None
    if len(np.unique(task.target.y)) > 1:
        # Alone is without the source: not over a backbone that was trained on it.
        found[FEW_ALONE] = Challenger(lambda known: _of_few(own, known), drops_source=True)
    return found


def _elected_by(
    task: AdaptationTask, few: Domain, source_only: Fitted, challengers: Mapping[str, Challenger]
) -> tuple[str, str]:
    """The name by ``RULE``, and why; no reason where the labelled target examples are too few to choose by."""
    of_few = replace(task.without_target(), train=few, groups=few.groups)
    folds = {count: held_out_folds(few.y, count, of_few) for count in {one.folds for one in challengers.values()}}
    held = np.all([fold >= 0 for fold in folds.values()], axis=0)
    if held.sum() < FEWEST or any(fold.max() < 1 for fold in folds.values()):
        return "source-only", ""
    answers = {"source-only": _outputs(few, source_only, task)}
    for name, challenger in challengers.items():
        task.tell(f"{name} on the labelled target examples", 0, 1)
        answers[name] = _each_from_the_others(few, folds[challenger.folds], challenger.fit, task)
    task.tell("the labelled target examples", 1, 1)
    shares = {name: found[held, few.y[held]] for name, found in answers.items()}
    losses = {name: -np.log(np.maximum(found, FLOOR)) for name, found in shares.items()}
    right = {name: found[held].argmax(axis=1) == few.y[held] for name, found in answers.items()}
    # A class that the source has no example of can be known by the others alone.
    holder = "source-only" if np.isin(few.y, task.train.y).all() else Pooled.name
    for name, challenger in challengers.items():
        surer = not challenger.drops_source or _clearly_more(right[name], right[holder])
        if surer and _clearly_less(losses[name], losses[holder]):
            holder = name
    told = ", ".join(f"{loss.mean():.3f} of {name}" for name, loss in losses.items())
    words = f"of {int(held.sum())} labelled target examples, each answered by what the others taught, the log-loss is"
    return holder, f"{holder}: {words} {told}"


def _each_from_the_others(
    few: Domain, fold: NDArray[np.int64], fit: Callable[[Domain], Fitted], task: AdaptationTask
) -> NDArray[np.float64]:
    """Outputs for each example by a model that learned from the other folds; NaN where it was never held out."""
    found = np.full((len(few), task.classes), np.nan)
    for k in range(int(fold.max()) + 1):
        found[fold == k] = _outputs(few.take(fold == k), fit(few.take(fold != k)), task)
    return found


def _outputs(examples: Domain, fitted: Fitted, task: AdaptationTask) -> NDArray[np.float64]:
    return fitted.head.outputs(task.embed(examples, fitted.backbone).features)


def _clearly_less(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> bool:
    """Whether the mean of the paired differences is more than its standard error."""
    gain = theirs - ours
    return bool(gain.mean() > gain.std(ddof=1) / sqrt(len(gain)))


def _clearly_more(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> bool:
    from scipy.stats import binomtest

    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return bool(binomtest(won, max(won + lost, 1), alternative="greater").pvalue < 0.05)
