"""What can be said of a backbone by labelled examples, without training it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from transferium.artifact import Artifact, load_artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.sequences.ragged import unanswered
from transferium.functional.transferability.gbc import gbc
from transferium.functional.transferability.h_score import h_score, regularised_h_score
from transferium.functional.transferability.leep import leep
from transferium.functional.transferability.logme import logme
from transferium.functional.transferability.nce import nce
from transferium.functional.transferability.parc import parc
from transferium.functional.transferability.transrate import transrate
from transferium.job.adapt.given_model import is_model
from transferium.job.fit.readable import choose_backbone
from transferium.job.rank.scored import Scored
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.nearest_neighbours import NearestNeighbours
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.sources.bundled import BUNDLED
from transferium.problems.classes import Classes

SCORES: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
    "logme": logme,
    "regularised_h_score": regularised_h_score,
    "h_score": h_score,
    "transrate": transrate,
    "gbc": gbc,
    "parc": parc,
}
"""Scores of features and classes."""


def score_backbone(name: str, spec: str | Path | Backbone, train: Domain, embedder: Embedder, *, seed: int) -> Scored:
    """Every score of one backbone, or of the network of a saved run, over the usable labelled examples ``train``.

    The probe and the neighbours answer each example by a model that had not seen it. A saved model of classes also
    gets LEEP and NCE, of its own answers. A score that does not exist here is left out, and a note says why. Raises
    ``TransferiumError`` for a backbone that cannot be loaded or run.
    """
    started = time.perf_counter()
    model = load_artifact(Path(spec)) if not isinstance(spec, Backbone) and is_model(Path(spec)) else None
    backbone, found = (model.backbone, ()) if model is not None else choose_backbone(spec, train)
    backbone = embedder.fitted(backbone, train)
    task = Task(train, None, backbone, embedder, seed, groups=train.groups)
    seen, problem = task.embed(train), task.problem
    scores, notes, outputs = {}, [finding.message for finding in found], None
    if (seen.features == seen.features[0]).all():
        notes.append(f"{name} gives every example the same features, so that its scores say nothing")
    for what, method in (("probe", LinearProbe()), ("knn", NearestNeighbours())):
        if problem.kind not in method.problems:
            continue
        answers = method.fit(task).oof_outputs
        if answers is None:
            notes.append(f"{name} has no {what} score: too few examples to hold any out")
            continue
        held = ~unanswered(answers)
        scores[what] = problem.merit(train.y[held], answers[held])
        outputs = answers if what == "probe" else outputs
    if isinstance(problem, Classes):
        for what, score in SCORES.items():
            try:
                scores[what] = score(seen.features, train.y)
            except InputError as error:
                notes.append(f"{name} has no {what}: {error}")
        scores |= _of_answers(model, seen, train)
    scores |= _known_before(backbone)
    if model is not None and (known := int(model.learned.marks(train).sum())):
        notes.append(f"{name} learned from {known} of these {len(train)} examples, so that its scores are too good")
    return Scored(name, scores, time.perf_counter() - started, outputs, tuple(notes))


def _of_answers(model: Artifact | None, seen: Domain, train: Domain) -> dict[str, float]:
    if model is None or not isinstance(model.problem, Classes):
        return {}
    answers = model.head.outputs(seen.features)
    return {"leep": leep(answers, train.y), "nce": nce(answers.argmax(axis=1), train.y)}


def _known_before(backbone: Backbone) -> dict[str, float]:
    """The size of the weights, and the accuracy that was published with them, where they are known."""
    entry = BUNDLED.get(backbone.name)
    known = {"size_mb": backbone.size_bytes / 1e6} if backbone.size_bytes else {}
    published = None if entry is None or not backbone.pretrained or backbone.tuned else entry.published_accuracy
    return known if published is None else known | {"published_accuracy": published}
