"""The run directory of an adaptation: the model, source only beside it, and a report that says whether it helped."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact, replacing
from transferium.data.domain import Domain
from transferium.data.pairing import Pair
from transferium.embedding.embed import Embedder
from transferium.evaluation.adapted import AdaptationResult, Answers, adaptation_result, answers_for
from transferium.evaluation.references import answers_on
from transferium.evaluation.verdict import Verdict
from transferium.functional.bootstrap import paired_interval
from transferium.job.adapt.before_and_after import domains_before_and_after
from transferium.job.adapt.candidates import save_candidates
from transferium.job.adapt.fit import Adapted, adapt, artifacts, usable_answers
from transferium.job.adapt.given_model import GivenModel
from transferium.job.adapt.oracle import check_answers, look_at_answers
from transferium.job.adapt.same_learner import same_learner_alone, whose_doing
from transferium.job.adapt.source_worth import source_worth
from transferium.job.options import FitOptions
from transferium.job.predict.predictions import write_predictions
from transferium.job.run_directory.files import SHOWN, examples_to_show, thumbnails, write_json
from transferium.job.run_directory.resume import SIGNS, keep_log
from transferium.job.run_directory.state_paths import STATE
from transferium.job.stopwatch import Stopwatch
from transferium.methods.fitted import Fitted
from transferium.models.columns.backbone_of_columns import columns_of
from transferium.problems.class_evaluation import evaluate
from transferium.problems.classes import Classes
from transferium.report.page import write_report

SOURCE_ONLY = "source_only"
"""The folder inside a run that holds the source-only model."""
UNKNOWN = (
    "Whether adapting helped cannot be said without target labels. Where some become known: transferium evaluate RUN "
    "labelled_target."
)

Probabilities = NDArray[np.float64]


def adapt_job(
    pair: Pair,
    options: FitOptions,
    embedder: Embedder,
    watch: Stopwatch,
    *,
    oracle: bool = False,
    model: GivenModel | None = None,
) -> dict[str, Any]:
    """Adapt, describe both domains, evaluate on the target labels kept aside (if any), write the run directory.

    Returns what ``metrics.json`` holds. ``oracle`` also says which of all models that were fitted the target's labels
    would have chosen; nothing that is saved in the model depends on it. ``model`` is what stands for the source.
    """
    if oracle:
        check_answers(pair)
    adapted = adapt(pair, options, embedder, watch, workdir=options.out / STATE, model=model)
    with watch("evaluate"):
        after, before = (_predict(fitted, adapted) for fitted in (adapted.fitted, adapted.source_only))
        domains = domains_before_and_after(adapted, before, after, options.map)
        labelled = usable_answers(adapted)
        result, answers = None, None
        if labelled is not None:
            answers = answers_for(labelled.y, labelled.classes, adapted.task.train.classes, labelled.groups)
            named = f"{adapted.fitted.method} on {adapted.task.backbone.name}"
            why = adapted.unasked
            result = adaptation_result(answers, after, before, method=named, seed=options.seed, unasked=why)
        if oracle:
            domains["oracle"] = look_at_answers(adapted, answers)
        run = describe(options, adapted, domains) | judged(adapted, result, labelled, answers)
    run["examples"] = _examples(labelled, answers, after)
    return _write(options, artifacts(adapted, options), run, adapted, labelled, after, watch)


def _predict(fitted: Fitted, adapted: Adapted) -> Probabilities:
    return answers_on(adapted.task, fitted, adapted.held)[0]


def describe(options: FitOptions, adapted: Adapted, domains: dict[str, Any]) -> dict[str, Any]:
    """The results that need no target label."""
    target, learned = adapted.target, f"{len(adapted.task.train)} labelled source examples are learned from"
    if adapted.model is not None:
        learned = f"the model {adapted.model.name} is adapted without the examples that it was made from"
    return {
        "format": 1,
        "name": options.out.name,
        "kind": target.domain.kind,
        "method": adapted.fitted.method,
        "asked_method": options.method.name,
        "backbone": adapted.fitted.backbone.name,
        "engine": target.embedding.engine,
        "seed": options.seed,
        "command": options.command or " ".join(sys.argv),
        "selection": adapted.fitted.selection.to_json(),
        "temperature": adapted.fitted.head.temperature,
        "history": adapted.fitted.history,
        "division": {
            "train": len(adapted.task.train),
            "val": 0,
            "test": len(adapted.held),
            "rule": f"{learned}; {adapted.rule}",
        },
        "doctor": adapted.diagnosis,
        "adaptation": domains,
        "columns": columns_of(target.backbone),
    }


def judged(
    adapted: Adapted, result: AdaptationResult | None, labelled: Domain | None, answers: Answers | None
) -> dict[str, Any]:
    """The results on the target labels kept aside, at the very end; without them, a note that there are none."""
    if result is None or labelled is None or answers is None:
        unasked = Verdict("not asked", UNKNOWN)
        nothing = {"test": {}, "references": {}, "difference": unasked.difference_as_dict()}
        return nothing | {"verdict": unasked.word, "verdict_sentence": unasked.sentence}
    task, seed = adapted.task, adapted.task.seed
    beside, more = {"source_only": result.source_only.as_dict()}, ""
    ours = answers.pad(_predict(adapted.fitted, adapted))
    if (same := same_learner_alone(adapted)) is not None:
        alone = answers.pad(_predict(same, adapted))
        beside["source_network"] = _evaluated(alone, answers, seed)
        more = whose_doing(result.verdict.word, answers, ours, alone, seed)
    theirs = answers.pad(_predict(adapted.source_only, adapted))
    backbone = adapted.source_only.backbone
    worth, harm = source_worth(labelled, partial(task.embed, backbone=backbone), answers, theirs, backbone, seed=seed)
    beside |= worth
    if adapted.few_alone is not None:
        alone = answers.pad(_predict(adapted.few_alone, adapted))
        beside["few_alone"] = _evaluated(alone, answers, seed)
        more += _better_alone(answers, alone, ours, seed)
    return {
        "test": result.evaluation.as_dict(),
        "references": beside,
        "difference": result.verdict.difference_as_dict(),
        "verdict": result.verdict.word,
        "verdict_sentence": result.verdict.sentence + more,
        "source_harm": harm,
        "by_class": result.by_class,
    }


def _evaluated(probabilities: Probabilities, answers: Answers, seed: int) -> dict[str, Any]:
    return evaluate(answers.y, probabilities, answers.classes, seed=seed, groups=answers.groups).as_dict()


def _better_alone(answers: Answers, alone: Probabilities, adapted: Probabilities, seed: int) -> str:
    """A sentence that labelled target examples without the source do better, where they clearly do."""
    ours, theirs = (p.argmax(axis=1) == answers.y for p in (alone, adapted))
    gain = paired_interval(ours, theirs, seed=seed, groups=answers.groups)
    if gain.low <= 0:
        return ""
    return (
        f" But a probe of the labelled target examples alone is {100 * gain.value:.1f} points more accurate still "
        f"(95% interval {100 * gain.low:.1f} to {100 * gain.high:.1f} points): the source does harm."
    )


def _examples(labelled: Domain | None, answers: Answers | None, probabilities: Probabilities) -> list[dict[str, Any]]:
    if labelled is None or answers is None:
        return []
    renamed = replace(labelled, labels=answers.y, problem=Classes(answers.classes))
    return examples_to_show(renamed, answers.pad(probabilities))[:SHOWN]


def _write(
    options: FitOptions,
    models: tuple[Artifact, Artifact],
    run: dict[str, Any],
    adapted: Adapted,
    labelled: Domain | None,
    probabilities: Probabilities,
    watch: Stopwatch,
) -> dict[str, Any]:
    run = run | {"provenance": models[0].info["provenance"]}
    shown = adapted.held if labelled is None else labelled
    with replacing(options.out, SIGNS, (STATE,)) as fresh:
        with watch("write"):
            models[0].write_into(fresh)
            keep_log(options.out, fresh)
            (fresh / SOURCE_ONLY).mkdir()
            models[1].write_into(fresh / SOURCE_ONLY)
            save_candidates(fresh, adapted, options.forget_data)
            write_predictions(fresh / "predictions.csv", shown, models[0].problem, probabilities)
            write_json(fresh / "doctor.json", run["doctor"])
            write_report(run | {"seconds": watch.as_dict()}, fresh / "report.html", thumbnails(shown))
        run = run | {"seconds": watch.as_dict()}
        write_json(fresh / "metrics.json", run)
    return run
