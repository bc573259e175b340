"""Whether to adapt, and how, decided without a target label: a short list, a vote, and source only if it is unclear."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import TransferiumError
from transferium.functional.validators.agreement import Agreement, peer_agreement
from transferium.functional.validators.catalogue import OF_SOURCE, Score, validate
from transferium.functional.validators.consensus import Consensus, consensus
from transferium.functional.validators.ensemble import ensemble_agreement
from transferium.functional.validators.evidence import Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel, source_reader
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.budget import TimeBudget
from transferium.methods.model_selection.evidence import evidence_of
from transferium.methods.model_selection.guards import TOGETHER, Preconditions, vetoed
from transferium.methods.task import Task
from transferium.selection.selection import Selection
from transferium.system.extras import INSTALL, can_train

AnyTask = TypeVar("AnyTask", bound=Task)

RULE = (
    "the best mean rank among validators without target labels, if two thirds of at least three prefer it to source "
    "only; else source only"
)
RULE_TOGETHER = (
    "the candidate with whose answers those of the others agree most beyond chance (mean kappa), two standard errors "
    "above source only, and of several that agree alike the one most like all together; else source only"
)
RULE_NAMED = (
    "the best mean rank among the validators that were named, if two thirds of them prefer it to source only; else "
    "source only"
)


def elect(
    task: AdaptationTask, candidates: Mapping[str, Method], source_only: Method, validators: Sequence[str] = ()
) -> AdaptedModel:
    """Fit source only and the candidates, let the validators vote, and return the winner, the others beside it.

    The winner is source only unless the vote is clear: see ``RULE``, and ``guards.py`` for which candidates are tried
    and which validators vote; where ``validators`` are named, these vote (``RULE_NAMED``). A candidate that fails, or
    does not fit into the budget (:class:`TimeBudget`), is left out, and the selection says why. Everything is scored
    over the features that source only reads, and candidates that move no backbone adapt those.
    """
    budget, begin = TimeBudget(task, source_only, candidates), time.perf_counter()
    fitted = {"source-only": source_only.adapt(kept_in(replace(task, target=None), "source-only"))}
    budget.pay("source-only", time.perf_counter() - begin)
    base = replace(task, backbone=fitted["source-only"].backbone)
    known, source, target, preconditions = _look(task, base)
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
    evidence = {name: see(model, base, known, source, target) for name, model in fitted.items()}
    for name, why in vetoed(base, fitted, evidence, preconditions).items():
        notes.append(f"{name} was vetoed: {why}")
        del evidence[name]
    usable_validators, silent = preconditions.usable_validators(len(evidence), validators)
    seen, standing = together(list(evidence.values())), list(evidence)
    scores = [ask(base, fitted[name], each, usable_validators) for name, each in zip(standing, seen, strict=True)]
    vote, reasons = count_votes(scores, usable_validators)
    if usable_validators == TOGETHER and not validators:
        rule, (at, why) = RULE_TOGETHER, most_agreed(standing, seen)
    else:
        rule, needed = (RULE_NAMED, 1) if validators else (RULE, 3)
        at = vote.choice(voters=needed)
        why = why_chosen(standing, vote, at, needed)
    notes = [why, *notes]
    notes += [f"{judge} did not vote: {why}" for judge, why in {**silent, **reasons}.items()]
    chosen = fitted[standing[at]]
    rows = _rows(standing, scores, vote) + [
        {"method": name, "mean_rank": None} for name in fitted if name not in standing
    ]
    selection = Selection(rule, "the target's inputs", rows, {"method": standing[at]})
    selection = replace(selection, notes=(*notes, *chosen.selection.notes))
    return AdaptedModel.of(chosen, selection=selection, beside=fitted)


def _look(task: AdaptationTask, base: AdaptationTask) -> tuple[Domain, Domain, Domain, Preconditions]:
    """The source examples that may be scored, their rows, the target's rows, and the facts about both."""
    # A network that was trained on the source is scored only on source examples that it has not seen.
    known = task.train if base.backbone is task.backbone else hold_out(task, HELD).held
    source, target = base.embed(known), base.target_features()
    return known, source, target, Preconditions.of(source, target, trained=base.backbone is not task.backbone)


def opinions(task: AdaptationTask, method: Method, source_only: Fitted, fitted: Fitted) -> dict[str, Any]:
    """The validators' scores of a ``method`` that the user named, beside source only; they choose nothing here.

    ``rows`` are as in an election; ``notes`` say how a vote would end and which validators are left out.
    """
    base = replace(task, backbone=source_only.backbone)
    known, source, target, preconditions = _look(task, base)
    usable_validators, silent = preconditions.usable_validators(2)
    names = ["source-only", fitted.method]
    scores = [validate(see(model, base, known, source, target), usable_validators) for model in (source_only, fitted)]
    vote, reasons = count_votes(scores, usable_validators)
    bar = preconditions.reason_to_exclude(method)
    ends = f"a vote would say: {why_chosen(names, vote, vote.choice())}"
    if bar:
        ends = f"auto would not let it stand: {bar}"
    elif preconditions.trained:
        ends = "auto would ask what all of its candidates say together"
    notes = [f"validators chose nothing, for the method was named; {ends}"]
    notes += [f"{judge} has no say: {why}" for judge, why in {**silent, **reasons}.items()]
    return {"rows": _rows(names, scores, vote), "notes": notes}


def kept_in(task: AnyTask, name: str) -> AnyTask:
    """The task of one of several models, with a folder of its own for checkpoints."""
    return replace(task, workdir=None if task.workdir is None else task.workdir / name)


def see(model: Fitted, task: AdaptationTask, known: Domain, source: Domain, target: Domain) -> Evidence:
    """A candidate's predictions on both domains, over the features that all candidates share.

    ``source`` are the rows of the source examples ``known``, ``target`` those of the task's target.
    """
    answers = []
    readers = source_reader(model), (model.backbone, model.head)
    for (backbone, head), domain, rows in zip(readers, (known, task.unlabeled), (source, target), strict=True):
        seen = rows if backbone is task.backbone else task.embed(domain, backbone)
        answers.append(head.logits(seen.features) / head.temperature)
    return Evidence(source.features, answers[0], source.y, target.features, answers[1])


def ask(base: AdaptationTask, model: Fitted, seen: Evidence, usable_validators: Sequence[str]) -> dict[str, Score]:
    """Every validator's score of one candidate, on the predictions given or on held-out rows of the source."""
    scores = validate(seen, tuple(judge for judge in usable_validators if judge not in OF_SOURCE))
    if of_source := tuple(judge for judge in usable_validators if judge in OF_SOURCE):
        scores |= validate(evidence_of(base, model), of_source)
    return {judge: scores[judge] for judge in usable_validators}


def together(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Each candidate's evidence with the predictions of all others."""
    logits = [seen.target_logits for seen in evidence]
    return [replace(seen, others=(*logits[:k], *logits[k + 1 :])) for k, seen in enumerate(evidence)]


def most_agreed(names: Sequence[str], evidence: Sequence[Evidence]) -> tuple[int, str]:
    """Which candidate (the first is source only) the others agree with, and why it was taken or not.

    The one that they agree with most has to lead source only by two standard errors, else it is source only. Of those
    that lead source only by as much, and that it does not lead by as much, :func:`ensemble_agreement` tells finer.
    """
    found = [peer_agreement(seen.target_logits, seen.others) for seen in evidence]
    leader = int(np.argmax([each.value for each in found]))
    leads = [k for k, each in enumerate(found) if _clearly_above(each, found[0])]
    alike = [k for k in leads if not _clearly_above(found[leader], found[k])] if leader in leads else []
    at = max(alike, key=lambda k: ensemble_agreement(evidence[k].target_logits, evidence[k].others), default=0)
    if leader == 0:
        return 0, f"source only agrees most with the others, chance set aside (mean kappa {found[0].value:.3f})"
    kappas = f"mean kappa {found[leader].value:.3f}, of source only {found[0].value:.3f}"
    why = f"{names[leader]} agrees most with the others, chance set aside ({kappas})"
    if at == 0:
        return 0, f"source only, since the lead is not clear: {why}"
    if at != leader:
        why += f"; {names[at]} not clearly less, and its answers are more like those of all together"
    return at, why


def _clearly_above(one: Agreement, other: Agreement) -> bool:
    lead, error = one.lead(other)
    return lead > 2 * error


def count_votes(
    scores: Sequence[dict[str, Score]], usable_validators: Sequence[str]
) -> tuple[Consensus, dict[str, str]]:
    """The consensus over the candidates (source only is the first), and why some validators were left out of it."""
    if not usable_validators:
        return consensus({"nobody": [None] * len(scores)}), {}
    vote = consensus({judge: [s[judge].value for s in scores] for judge in usable_validators})
    reasons = {j: next(s[j].reason for s in scores if s[j].value is None) for j in vote.left_out}
    return vote, reasons


def why_chosen(names: Sequence[str], vote: Consensus, at: int, needed: int = 3) -> str:
    """The outcome of the vote in one sentence."""
    leader = int(np.argmin(vote.mean_rank))
    n = len(vote.voters)
    if at:
        return (
            f"{names[at]} leads the vote, and {round(vote.support[at] * n)} of {n} validators prefer it to source only"
        )
    if n < needed:
        words = "three are needed" if needed == 3 else "one is needed"
        return f"source only, since {n} validators could vote and {words}: first do no harm"
    if len(names) == 1:
        return "source only: no adaptation is left to vote on"
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
