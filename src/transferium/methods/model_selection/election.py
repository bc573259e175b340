"""Whether to adapt, and how, decided without a target label: a short list, a vote, and source only if it is unclear."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import TransferiumError
from transferium.functional.validators.catalogue import OF_SOURCE, Score, validate
from transferium.functional.validators.consensus import Consensus, consensus
from transferium.functional.validators.evidence import CannotScoreError, Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.budget import TimeBudget
from transferium.methods.model_selection.evidence import evidence_of
from transferium.methods.model_selection.guards import FEWEST, TYPED, WITHOUT_LABELS, Preconditions
from transferium.methods.model_selection.most_agreed import RULE, copies, most_agreed, standings, together
from transferium.methods.task import Task
from transferium.selection.selection import Selection
from transferium.system.extras import INSTALL, can_train

AnyTask = TypeVar("AnyTask", bound=Task)

RULE_NAMED = (
    "the best mean rank among the validators that were named, if two thirds of them prefer it to source only; else "
    "source only"
)
SHOWN = ("cross-validation", "ami", "silhouette", "diversity", "information", "reverse")
"""Validators whose scores stand beside a method that was named."""


def elect(
    task: AdaptationTask, candidates: Mapping[str, Method], source_only: Method, validators: Sequence[str] = ()
) -> AdaptedModel:
    """Fit source only and the candidates, choose by their answers for the target, and return it, the others beside it.

    What can be fitted stands, but where other class shares alone explain how the target differs, no candidate that
    would make the domains alike (``guards.py``). The choice is source only unless another leads clearly: see ``RULE``
    in ``most_agreed.py``. Where ``validators`` are named, these vote (``RULE_NAMED``). A candidate that fails, or does
    not fit into the budget (:class:`TimeBudget`), is left out, and the selection says why. Everything is scored over
    the features that source only reads, and candidates that move no backbone adapt those.
    """
    budget, begin = TimeBudget(task, source_only, candidates), time.perf_counter()
    fitted = {"source-only": source_only.adapt(kept_in(replace(task, target=None), "source-only"))}
    budget.pay("source-only", time.perf_counter() - begin)
    probe = fitted["source-only"] if isinstance(source_only, LinearProbe) else None
    base = replace(task, backbone=fitted["source-only"].backbone, probe=probe)
    preconditions = Preconditions.of(base.embed(task.train), base.target_features(), task.sources)
    notes = []
    for name, method in candidates.items():
        if why := preconditions.reason_to_exclude(method):
            notes.append(f"{name} did not stand: {why}")
        elif method.trains and not can_train():
            notes.append(f"{name} was not tried: it trains a network, which needs {INSTALL}")
        elif why := budget.refuses(name):
            notes.append(f"{name} was not tried: {why}")
        else:
            begin = time.perf_counter()
            try:
                fitted[name] = method.adapt(kept_in(task if method.moves_backbone else base, name))
            except TransferiumError as error:
                notes.append(f"{name} was left out: {error}")
            budget.pay(name, time.perf_counter() - begin)
    names = list(fitted)
    evidence = _seen_by(list(fitted.values()), task, base)
    if validators:
        rule, (at, rows, told) = RULE_NAMED, _by_vote(base, fitted, evidence, validators)
    elif not candidates and task.train.kind in TYPED:
        rule, (at, rows, told) = RULE, (0, [{"method": "source-only", "score": None}], [WITHOUT_LABELS])
    else:
        rule, (at, rows, told) = RULE, _by_agreement(fitted, evidence)
    chosen = fitted[names[at]]
    selection = Selection(rule, "the target's inputs", rows, {"method": names[at]})
    selection = replace(selection, notes=(*told, *notes, *chosen.selection.notes))
    return AdaptedModel.of(chosen, selection=selection, beside=fitted)


def _by_agreement(
    fitted: Mapping[str, Fitted], evidence: Sequence[Evidence]
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """The place of the chosen candidate, a row of scores for each, and why it was chosen."""
    names, methods = list(fitted), [each.method for each in fitted.values()]
    like = copies(evidence, methods)
    told = [
        f"{name} answers as {names[k]} does, which the same method made: they count as one"
        for at, (name, k) in enumerate(zip(names, like, strict=True))
        if k != at
    ]
    try:
        _refuse_few_rows(len(evidence[0].target_features))
        found = standings(evidence, methods)
    except CannotScoreError as reason:
        return 0, [{"method": name, "score": None} for name in names], [f"source only: {reason}", *told]
    at, why = most_agreed(names, found)
    rows = [
        {
            "method": name,
            "agreement": round(each.agreement.value, 4),
            "cross-validation": round(each.validated, 4),
            "ensemble": round(each.likeness, 4),
            "score": round(each.score.value, 4),
        }
        for name, each in zip(names, found, strict=True)
    ]
    return at, rows, [why, *told]


def _by_vote(
    base: AdaptationTask, fitted: Mapping[str, Fitted], evidence: Sequence[Evidence], named: Sequence[str]
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """The same by the validators that were ``named``."""
    names = list(fitted)
    silent: dict[str, str] = {}
    try:
        _refuse_few_rows(len(evidence[0].target_features))
    except CannotScoreError as reason:
        named, silent = (), dict.fromkeys(named, str(reason))
    scores = [ask(base, fitted[name], each, named) for name, each in zip(names, together(evidence), strict=True)]
    vote, reasons = count_votes(scores, named)
    at = vote.choice()
    notes = [f"{judge} did not vote: {why}" for judge, why in {**silent, **reasons}.items()]
    return at, _rows(names, scores, vote), [why_chosen(names, vote, at), *notes]


def _refuse_few_rows(count: int) -> None:
    if count < FEWEST:
        raise CannotScoreError(f"{count} target examples are too few (fewer than {FEWEST})")


def _seen_by(models: Sequence[Fitted], task: AdaptationTask, base: AdaptationTask) -> list[Evidence]:
    """The predictions of each model on the target, over the features that source only reads."""
    # A network that was trained on the source is scored only on source examples that it has not seen.
    known = task.train if base.backbone is task.backbone else hold_out(task, HELD).held
    source, target = base.embed(known), base.target_features()
    return [see(model, base, source, target) for model in models]


def opinions(task: AdaptationTask, source_only: Fitted, fitted: Fitted) -> dict[str, Any]:
    """The validators' scores of a method that the user named, beside source only; they choose nothing here.

    ``rows`` are as in an election by named validators; ``notes`` say which validators are left out.
    """
    base = replace(task, backbone=source_only.backbone)
    names = ["source-only", fitted.method]
    scores = [validate(seen, SHOWN) for seen in _seen_by([source_only, fitted], task, base)]
    vote, reasons = count_votes(scores, SHOWN)
    notes = ["validators chose nothing, for the method was named: auto compares it with other methods"]
    notes += [f"{judge} has no say: {why}" for judge, why in reasons.items()]
    return {"rows": _rows(names, scores, vote), "notes": notes}


def kept_in(task: AnyTask, name: str) -> AnyTask:
    """The task of one of several models, with a folder of its own for checkpoints."""
    return replace(task, workdir=None if task.workdir is None else task.workdir / name)


def see(model: Fitted, task: AdaptationTask, source: Domain, target: Domain) -> Evidence:
    """A candidate's predictions on the target, over the features that all candidates share.

    ``source`` are source examples seen through the task's backbone, ``target`` the task's target.
    """
    seen = target if model.backbone is task.backbone else task.embed(task.unlabeled, model.backbone)
    logits = model.head.logits(seen.features) / model.head.temperature
    return Evidence(source.features, None, source.y, target.features, logits)


def ask(base: AdaptationTask, model: Fitted, seen: Evidence, usable_validators: Sequence[str]) -> dict[str, Score]:
    """Every validator's score of one candidate, on the predictions given or on held-out rows of the source."""
    scores = validate(seen, tuple(judge for judge in usable_validators if judge not in OF_SOURCE))
    if of_source := tuple(judge for judge in usable_validators if judge in OF_SOURCE):
        scores |= validate(evidence_of(base, model), of_source)
    return {judge: scores[judge] for judge in usable_validators}


def count_votes(
    scores: Sequence[dict[str, Score]], usable_validators: Sequence[str]
) -> tuple[Consensus, dict[str, str]]:
    """The consensus over the candidates (source only is the first), and why some validators were left out of it."""
    if not usable_validators:
        return consensus({"nobody": [None] * len(scores)}), {}
    vote = consensus({judge: [s[judge].value for s in scores] for judge in usable_validators})
    reasons = {j: next(s[j].reason for s in scores if s[j].value is None) for j in vote.left_out}
    return vote, reasons


def why_chosen(names: Sequence[str], vote: Consensus, at: int) -> str:
    """The outcome of the vote in one sentence."""
    leader = int(np.argmin(vote.mean_rank))
    n = len(vote.voters)
    if at:
        return (
            f"{names[at]} leads the vote, and {round(vote.support[at] * n)} of {n} validators prefer it to source only"
        )
    if n == 0:
        return "source only, since no validator could vote: first do no harm"
    if leader == 0:
        return f"source only leads the vote of {n} validators"
    support = round(vote.support[leader] * n)
    return f"source only, since the vote is not clear: {support} of {n} validators prefer {names[leader]}"


def _rows(names: Sequence[str], scores: Sequence[dict[str, Score]], vote: Consensus) -> list[dict[str, Any]]:
    rows = []
    for i, (name, given) in enumerate(zip(names, scores, strict=True)):
        values = {judge: None if s.value is None else round(s.value, 4) for judge, s in given.items()}
        rows.append({"method": name} | values | {"mean_rank": round(float(vote.mean_rank[i]), 2)})
    return rows
