"""``transferium fit TARGET --source …``: a labelled source, or a saved model, adapted to an unlabelled target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from transferium.artifact import Artifact
from transferium.data.doctor.doctor import check_trainable
from transferium.data.doctor.findings import Finding, count
from transferium.data.doctor.left_out import why_so_few
from transferium.data.domain import Domain
from transferium.data.pairing import Pair, counting_in
from transferium.data.readers.columns import remembered
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.job.adapt.given_model import GivenModel
from transferium.job.adapt.labelled_target import about_few, keys_of_few, leave_out, of_both, remembered_few, untold
from transferium.job.adapt.verdict_scope import method_facts, reason_without_verdict
from transferium.job.compare.contradictions import contradictions
from transferium.job.compare.findings import compare_contents, domain_findings
from transferium.job.fit.prepare import Prepared, be_strict, prepare, warn_if_untracked, with_columns_of
from transferium.job.fit.readable import choose_backbone, unread
from transferium.job.fit.within_memory import within_memory
from transferium.job.options import FitOptions
from transferium.job.run_directory.provenance import data_fingerprint, provenance
from transferium.job.stopwatch import Stopwatch
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.method import Method, refuse_few
from transferium.methods.model_selection.election import kept_in
from transferium.methods.model_selection.election_with_few import FEW_ALONE, probe_of_few
from transferium.methods.served_confidence import served
from transferium.methods.unused_settings import warn_beside
from transferium.models.backbone import Backbone

LEAST_TARGET = 2
"""The fewest examples of a domain: a single one has no distribution to adapt to."""


@dataclass(frozen=True)
class Adapted:
    """The model adapted to the target, the source-only model, and everything that both were made from.

    ``task.train`` is the usable source, ``task.unlabeled`` the target inputs that were adapted to, in the order of
    their contents, and ``held`` those that are evaluated on, as they came: the target's held-out part where it came
    divided, else the same inputs. ``task.target`` are labelled target examples where some were given; their copies are
    not in ``held``, and ``few_alone`` was trained on nothing else. ``prepared`` are source, target and these, by name;
    where a finished ``model`` stood for it there is no source to look at, and ``source_only`` is the model as it was.
    """

    pair: Pair
    method: Method
    task: AdaptationTask
    held: Domain
    fitted: Fitted
    source_only: Fitted
    prepared: Mapping[str, Prepared]
    findings: tuple[Finding, ...]
    rule: str
    few_alone: Fitted | None = None
    model: GivenModel | None = None

    @property
    def target(self) -> Prepared:
        """The target, as the doctor left it."""
        return self.prepared["target"]

    @property
    def candidates(self) -> Mapping[str, Fitted]:
        """All models of an election by name; none where the method was named."""
        return self.fitted.beside

    @property
    def learned(self) -> set[str]:
        """Content hashes of all labelled target examples used for training: no figure may come from these."""
        return _ever_learned(self.task.target, self.model)

    @property
    def unasked(self) -> str:
        """The reason why there is no verdict on adapting; empty where there is one."""
        return _unasked(self.method, self.task, self.fitted, self.source_only)

    @property
    def diagnosis(self) -> dict[str, Any]:
        """The doctor's findings in both domains and between them, as one record."""
        found = [prepared.diagnosis.to_json() for prepared in self.prepared.values()]
        sums = {key: sum(d[key] for d in found) for key in ("examples", "kept", "quarantined", "leaked", "groups")}
        between = [_finding(f, "") for f in self.findings]
        each = [
            _finding(f, f"{side}: ") for side, prepared in self.prepared.items() for f in prepared.diagnosis.findings
        ]
        return sums | {"findings": between + each}


def _unasked(method: Method, task: AdaptationTask, fitted: Fitted, source_only: Fitted) -> str:
    ours, theirs = ((model.backbone, model.head) for model in (fitted, source_only))
    return reason_without_verdict(method_facts(method, fitted, task), ours, theirs)


def _finding(finding: Finding, side: str) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "message": f"{side}{finding.message}",
        "ids": list(finding.ids),
    }


def adapt(
    pair: Pair,
    options: FitOptions,
    embedder: Embedder,
    watch: Stopwatch,
    *,
    workdir: Path | None = None,
    model: GivenModel | None = None,
) -> Adapted:
    """Look at both domains, adapt, and fit source-only beside it. Nothing here can reach a target label.

    Where ``model`` stands for the source, ``pair`` is its own (:meth:`GivenModel.pair`), and source-only is the model.
    Raises ``DataError`` for a source with one class and for a target of one example, and ``InputError`` for a method
    that cannot adapt a model alone.
    """
    method = options.method
    backbone, found = _backbone(pair, options, model)
    given = {"source": pair.source if model is None else None, "target": pair.target, "labelled target": pair.few}
    prepared = {side: prepare(d, embedder, backbone, watch=watch) for side, d in given.items() if d is not None}
    prepared |= of_both(prepared)
    for one in prepared.values() if options.strict else ():
        be_strict(one.diagnosis)
    target = prepared["target"]
    train, few = _learned_from(pair, prepared)
    adapted_to, held, last = divide_target(target.domain)
    target = with_columns_of(target, embedder, *(one for one in (train, few) if one is not None and len(one)))
    prepared = prepared | {"target": target}
    learned = {"source": train, "target": by_content(adapted_to)} | ({} if few is None else {"labelled target": few})
    kept, cut = within_memory(learned, target.backbone.width, seed=options.seed)
    train, adapted_to, *rest = (domain.take(kept[side]) for side, domain in learned.items())
    few = rest[0] if rest else None
    task = AdaptationTask(
        train=train,
        val=None,
        backbone=target.backbone,
        embedder=embedder,
        seed=options.seed,
        groups=train.groups,
        workdir=workdir,
        progress=embedder.progress,
        budget_s=options.budget_s,
        track=options.track,
        unlabeled=adapted_to,
        target=few,
        sources=pair.origin[prepared["source"].diagnosis.keep][kept["source"]] if len(pair.names) > 1 else None,
        model=None if model is None else model.stand_in,
    )
    refuse_few(method, task)
    held, rule = leave_out(held, _ever_learned(few, model), rule_of(method, task, held, last))
    with watch("fit"):
        fitted = method.adapt(task)
    warn_if_untracked(task, fitted)
    with watch("source only"):
        alone = _source_only(method, task, fitted) if model is None else model.fitted
    if not _unasked(method, task, fitted, alone):
        with watch("confidence"):
            fitted = served(task, fitted, alone)
    between = compare_contents(train, target.domain)
    if model is None:
        between += domain_findings(pair, prepared["source"], target, seed=options.seed)
        between += contradictions(pair.names, task.sources, task)
    else:
        between += model.learned_from(target.domain)
    findings = (*found, *pair.findings, *cut, *between, *about_few(train, few))
    few_alone = fitted.beside.get(FEW_ALONE) or probe_of_few(task)
    return Adapted(pair, method, task, held, fitted, alone, prepared, findings, rule, few_alone, model)


def _ever_learned(few: Domain | None, model: GivenModel | None) -> set[str]:
    """Contents of the labelled target examples that are learned from here, or that the given model learned from."""
    return keys_of_few(few) | (set() if model is None else model.keys)


def _source_only(method: Method, task: AdaptationTask, fitted: Fitted) -> Fitted:
    """The source-only model: the one that an election fitted already, else the same learner without the target."""
    return fitted.beside.get("source-only") or (method.source_only() or SourceOnly()).adapt(
        kept_in(replace(task, target=None), "source-only")
    )


def _backbone(pair: Pair, options: FitOptions, model: GivenModel | None) -> tuple[Backbone, tuple[Finding, ...]]:
    """The backbone that was asked for, and what is to be said of it; warns of settings without effect on this data."""
    if model is not None:
        backbone = model.backbone_for(options)
        return backbone, unread(backbone, pair.target)
    warn_beside(options.method, several=len(pair.names) > 1, few=pair.few is not None)
    return choose_backbone(options.backbone, pair.source, pair.target, **options.backbone_settings)


def by_content(target: Domain) -> Domain:
    """The scanned examples in the order of the hashes of their contents: labels sort folders and tables, but not these.

    Batches, seeds of clusters and sums depend on the order of rows.
    """
    keys = target.keys or ()
    return target.take(sorted(range(len(keys)), key=keys.__getitem__))


def _learned_from(pair: Pair, prepared: Mapping[str, Prepared]) -> tuple[Domain, Domain | None]:
    """The usable source and labelled target examples; of a model all classes stand, and no examples."""
    few = prepared["labelled target"].domain if "labelled target" in prepared else None
    if "source" not in prepared:
        return pair.source, few
    check_trainable(prepared["source"].domain)
    return _with_examples(prepared["source"].domain, few)


def _with_examples(source: Domain, few: Domain | None) -> tuple[Domain, Domain | None]:
    """Both over those classes alone that one of them has usable examples of: no model can know another."""
    present = np.unique(source.y if few is None else np.concatenate([source.y, few.y]))
    classes = tuple(source.classes[c] for c in present)
    return counting_in(source, classes), None if few is None else counting_in(few, classes)


def divide_target(target: Domain) -> tuple[Domain, Domain, str]:
    """The examples to adapt to, those to evaluate on, and the part of these (empty: all); no label decides this."""
    if len(target) < LEAST_TARGET:
        raise DataError(
            f"the target {target.name!r} has {count(len(target), 'usable example')}: a domain cannot be known by one. "
            f"Fit on the source alone, and predict the example with that.{why_so_few(target)}"
        )
    parts = target.parts
    if parts is None or len(present := np.unique(parts)) == 1:
        whole = replace(target, parts=None)
        return whole, whole, ""
    last = "test" if "test" in present else "val"
    rest, held = replace(target.take(parts != last), parts=None), replace(target.take(parts == last), parts=None)
    if len(rest) < LEAST_TARGET:
        raise DataError(
            f"the target {target.name!r} has {count(len(rest), 'example')} beside its {last} part: give more."
        )
    return rest, held, str(last)


def rule_of(method: Method, task: AdaptationTask, held: Domain, last: str) -> str:
    """The sentence that says what is adapted to and evaluated on: ``held``, which is the target's part ``last``."""
    if not method.looks_at_inputs(task):
        evaluated = f"the target's {last} part is" if last else f"all {len(held)} target inputs are"
        return f"{evaluated} evaluated on; the method does not look at the target's inputs"
    if last:
        return f"the target's {last} part is only evaluated on; its other inputs are adapted to"
    if len(task.unlabeled) < len(held):
        return f"{len(task.unlabeled)} of {len(held)} target inputs are adapted to, and all are evaluated on"
    return f"all {len(held)} target inputs are adapted to, and the same are evaluated on"


def artifacts(adapted: Adapted, options: FitOptions) -> tuple[Artifact, Artifact]:
    """The adapted model and source-only as they are saved; not a byte of either depends on a target label."""
    model = adapted.model
    columns = remembered(options.columns)
    shared = {
        "seed": options.seed,
        "columns": columns if model is None else dict(model.artifact.info.get("columns", {})) | columns,
        "feature_names": adapted.pair.source.feature_names,
        "provenance": provenance(options.command, data_fingerprint(by_content(adapted.target.domain)))
        | _made_from(adapted),
    } | remembered_few(adapted.learned)
    made, ours = [], method_facts(adapted.method, adapted.fitted, adapted.task)
    for fitted, facts, more in (
        (adapted.fitted, ours, adapted.task.target),
        (adapted.source_only, {"name": adapted.source_only.method}, None),
    ):
        info = {"method": facts, "selection": fitted.selection.to_json()} | shared
        artifact = Artifact(fitted.backbone, fitted.head, adapted.task.train.posed, info)
        if model is None:
            artifact = artifact.having_learned(adapted.task.train, more)
        else:
            artifact = replace(artifact, learned=model.artifact.learned | artifact.having_learned(more).learned)
        made.append(artifact)
    both = made[0], made[1] if model is None else model.artifact
    return (both[0].forgetful(), both[1].forgetful()) if options.forget_data else both


def _made_from(adapted: Adapted) -> dict[str, Any]:
    """Provenance of what was adapted: the source's data, or the model."""
    if adapted.model is not None:
        return adapted.model.provenance
    return {"source": data_fingerprint(adapted.prepared["source"].domain)}


def usable_answers(adapted: Adapted) -> Domain | None:
    """The labels kept aside, for the usable examples that are evaluated on; None where there are none to compare."""
    answers, target = adapted.pair.answers, adapted.target
    if answers is None or not set(answers.classes) & set(adapted.task.train.classes):
        return None
    kept = answers.take(target.diagnosis.keep)
    kept = replace(kept, keys=target.domain.keys, groups=target.domain.groups)
    if kept.parts is not None and len(present := np.unique(kept.parts)) > 1:
        kept = kept.take(kept.parts == ("test" if "test" in present else "val"))
    return replace(untold(kept, adapted.learned), parts=None)
