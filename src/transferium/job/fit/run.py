"""``transferium fit``: from a domain to a run directory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from transferium.artifact import Artifact, refuse_foreign
from transferium.data.domain import Domain
from transferium.data.readers.columns import remembered
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.job.few_shots.draw_shots import draw_shots
from transferium.job.few_shots.over_draws import compare_methods
from transferium.job.fit.beforehand import Beforehand
from transferium.job.fit.judge import Judged, judge
from transferium.job.fit.prepare import (
    Divided,
    Prepared,
    be_strict,
    prepare,
    separate,
    warn_if_untracked,
    with_columns_of,
    with_suspicious,
)
from transferium.job.fit.readable import choose_backbone
from transferium.job.fit.remarks import remarks
from transferium.job.fit.within_memory import within_memory
from transferium.job.fit.write import write_run
from transferium.job.options import FitOptions
from transferium.job.run_directory.files import examples_to_show
from transferium.job.run_directory.provenance import data_fingerprint, provenance
from transferium.job.run_directory.resume import SIGNS
from transferium.job.run_directory.state_paths import STATE
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import check_problem
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.catalogue import randomised
from transferium.models.columns.backbone_of_columns import columns_of
from transferium.system.processes import rank


def fit_job(
    domain: Domain, options: FitOptions, embedder: Embedder, watch: Stopwatch, before: Beforehand | None = None
) -> dict[str, Any]:
    """Look, divide, fit, evaluate, compare, and write the run directory; returns what ``metrics.json`` holds.

    ``before`` is the pretraining that it begins with, if any.
    """
    method = options.method
    if before is not None:
        with watch("pretrain"):
            options = replace(options, backbone=before.encoder(embedder.progress))
    backbone, found = choose_backbone(options.backbone, domain, **options.backbone_settings)
    if domain.problem is not None:
        check_problem(method, domain.problem, domain.name)
        method.check_data(domain)
        method.check_backbone(backbone)
    random = randomised(backbone) if backbone.pretrained else None
    prepared = prepare(domain, embedder, backbone, () if random is None else (random,), watch=watch, found=found)
    if options.strict:
        be_strict(prepared.diagnosis)
    divided = separate(
        prepared, seed=options.seed, test_size=options.test_size, learns=method.learns or options.shots is not None
    )
    everything = divided.train
    if options.shots is not None:
        drawn = draw_shots(everything, options.shots, seed=options.seed, draw=0)
        divided = replace(divided, train=everything.take(drawn), val=None)
    prepared = with_columns_of(prepared, embedder, divided.train)
    kept, cut = within_memory({"training": divided.train}, prepared.backbone.width, seed=options.seed)
    prepared, divided = prepared.saying(*cut), replace(divided, train=divided.train.take(kept["training"]))
    task = Task(
        train=divided.train,
        val=divided.val,
        backbone=prepared.backbone,
        embedder=embedder,
        seed=options.seed,
        groups=divided.train.groups,
        workdir=options.out / STATE,
        progress=embedder.progress,
        budget_s=options.budget_s,
        track=options.track,
    )
    with watch("fit"):
        fitted = method.fit(task) if before is None else before.compared(method.fit(task), task)
    warn_if_untracked(task, fitted)
    with watch("evaluate"):
        judged = judge(fitted, method, task, divided.test, random)
        said = [*judged.compared.remarks, *remarks(judged, fitted, task, divided.division)]
        said += [] if before is None else before.remarks(divided.test)
    with watch("doctor"):
        prepared = with_suspicious(prepared, divided.train, judged.out_of_fold)
    few = {}
    if options.compared:
        with watch("compare"):
            whole = replace(task, train=everything, groups=everything.groups, val=None)
            few = {"few_shots": compare_methods(options, whole, divided.test)}
    info = {
        "method": method.to_json(),
        "seed": options.seed,
        "selection": fitted.selection.to_json(),
        "columns": remembered(options.columns),
        "feature_names": domain.feature_names,
        "provenance": provenance(options.command, data_fingerprint(prepared.domain)),
    }
    artifact = Artifact(fitted.backbone, fitted.head, divided.train.posed, info)
    artifact = artifact.having_learned(task.train, task.val) if method.learns else artifact
    artifact = artifact.forgetful() if options.forget_data else artifact
    run = describe(options, prepared, divided, fitted, judged) | {"remarks": said} | judged.compared.as_dict() | few
    run |= {} if before is None else before.facts()
    return write_run(options.out, artifact, run, judged, watch, fitted.contact)


def check_writable(out: Path) -> None:
    """Raise before any work is done where the run directory could not be written.

    Of several processes the first asks: the others might find what it has begun there.
    """
    if rank():
        return
    refuse_foreign(out, f"--out {out}", SIGNS)
    parent = out.resolve().parent
    while not parent.exists():
        parent = parent.parent
    if not os.access(parent, os.W_OK):
        raise InputError(f"--out {out} cannot be written: {parent} is read-only for this user. Name another folder.")


def describe(
    options: FitOptions, prepared: Prepared, divided: Divided, fitted: Fitted, judged: Judged
) -> dict[str, Any]:
    """The run as plain data: what ``metrics.json`` and the report are made from."""
    beside: dict[str, Any] = {} if judged.boosting is None else {"gradient_boosting": judged.boosting.as_dict()}
    beside |= {"ablations": [one.as_dict() for one in judged.ablations]} if judged.ablations else {}
    return {
        "format": 1,
        "name": options.out.name,
        "kind": prepared.domain.kind,
        "method": fitted.method,
        "backbone": fitted.backbone.name,
        "engine": prepared.embedding.engine,
        "seed": options.seed,
        "command": options.command,
        "problem": judged.test.posed.kind,
        "test": judged.evaluation.as_dict(),
        "references": {name: e.as_dict() for name, e in judged.references.items()},
        "attacked": {name: a.as_dict() for name, a in judged.attacked.items()},
        "difference": judged.verdict.difference_as_dict(),
        "verdict": judged.verdict.word,
        "verdict_sentence": judged.verdict.sentence,
        "selection": fitted.selection.to_json(),
        "temperature": fitted.head.temperature,
        "history": fitted.history,
        "division": {
            "train": len(divided.train),
            "val": 0 if divided.val is None else len(divided.val),
            "test": len(divided.test),
            "held_out": divided.division.held,
            "rule": divided.division.rule,
        },
        "doctor": prepared.diagnosis.to_json(),
        "columns": columns_of(prepared.backbone),
        "examples": examples_to_show(judged.test, judged.outputs),
    } | beside
