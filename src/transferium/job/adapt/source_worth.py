"""What a source is worth, by target labels: the majority class and a probe of these labels alone beside source only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.adapted import Answers
from transferium.evaluation.references import constant
from transferium.evaluation.source_harm import source_harm
from transferium.job.fit.within_memory import within_memory
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.problems.class_evaluation import evaluate
from transferium.problems.classes import Classes


def source_worth(
    target: Domain,
    embed: Callable[[Domain], Domain],
    answers: Answers,
    source_only: NDArray[np.float64],
    backbone: Backbone,
    *,
    seed: int,
) -> tuple[dict[str, Any], str]:
    """Two references by name, as plain data, and a sentence where the source does harm (see ``source_harm``).

    ``target`` are examples whose labels are ``answers``, ``embed`` reads them through ``backbone``, and ``source_only``
    is what was answered for them, one column for each of ``answers.classes``. Of a large table a part is drawn. Every
    figure is made with these labels: ``majority`` always answers the most frequent of them, ``target_alone`` is a probe
    at C = 1, out of fold. The latter is left out where none could be held out: of labels of one class, or of few
    examples.
    """
    known, names = Classes(answers.classes), answers.classes
    rows = replace(target, labels=answers.y, problem=known, parts=None)
    drawn = within_memory({"target": rows}, backbone.width, seed=seed)[0]["target"]
    answers, source_only = answers.take(drawn), source_only[drawn]
    alike = constant(known, answers.y, len(answers.y))
    beside = {"majority": evaluate(answers.y, alike, names, seed=seed, groups=answers.groups).as_dict()}
    rows = embed(rows.take(drawn))
    try:
        task = Task(rows, None, backbone, Embedder(None), seed, groups=answers.groups)
        alone = LinearProbe(Cs=(1.0,)).solve(task, rows).oof_outputs
    except DataError:
        alone = None
    if alone is None:
        return beside, ""
    alone = np.where(np.isnan(alone).any(axis=1, keepdims=True), alike, alone)
    beside["target_alone"] = evaluate(answers.y, alone, names, seed=seed, groups=answers.groups).as_dict()
    return beside, source_harm(answers, source_only, alone, seed=seed).sentence
