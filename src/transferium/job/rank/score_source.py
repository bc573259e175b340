"""What a labelled source is worth for a target, before anything is adapted."""

from __future__ import annotations

import time

import numpy as np

from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.functional.shift.a_distance import a_distance
from transferium.functional.shift.permutation import mmd_permutation_test
from transferium.job.fit.prepare import prepare
from transferium.job.fit.readable import choose_backbone
from transferium.job.rank.on_labels import label_overlap, on_labels
from transferium.job.rank.scored import Scored
from transferium.job.stopwatch import Stopwatch
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone


def score_source(
    name: str, source: Domain, target: Domain, spec: str | Backbone | None, embedder: Embedder, *, seed: int
) -> Scored:
    """Every score of one source for ``target``: distances of the inputs, and with labels what its model loses there.

    ``source_accuracy`` is that of a probe of the source on source examples that it had not seen; ``accuracy`` what it
    gets right on labelled target examples, ``loss`` the difference; ``label_overlap`` the share of these whose class
    the source has. Examples that are in both domains count in none of these. Raises ``TransferiumError`` where the
    source cannot be read beside the target or cannot train a classifier.
    """
    started = time.perf_counter()
    pair, watch = pair_domains([source], target), Stopwatch()
    backbone, found = choose_backbone(spec, pair.source, pair.target)
    here, there = (prepare(domain, embedder, backbone, watch=watch) for domain in (pair.source, pair.target))
    notes = (*(finding.message for finding in found), *here.aside, *there.aside)
    reader = embedder.fitted(here.backbone, here.domain)
    task = Task(here.domain, None, reader, embedder, seed, groups=here.domain.groups)
    probe = LinearProbe().fit(task)
    x, z = (np.asarray(task.embed(d).features, np.float64) for d in (here.domain, there.domain))
    scores = {
        "a_distance": a_distance(x, z, seed=seed).distance,
        "mmd": mmd_permutation_test(x, z, seed=seed, permutations=1).value,
        "examples": float(len(x)),
    }
    if probe.oof_outputs is not None:
        held = ~np.isnan(probe.oof_outputs).any(axis=1)
        scores["source_accuracy"] = here.domain.posed.merit(here.domain.y[held], probe.oof_outputs[held])
    if pair.answers is None:
        return Scored(name, scores, time.perf_counter() - started, notes=notes)
    known = pair.answers.take(there.diagnosis.keep)
    both = set(here.domain.keys or ())
    fresh = np.array([key not in both for key in there.domain.keys or ()], bool)
    told, outputs = on_labels(probe.head, here.domain.classes, z, known, fresh, source.name)
    used = [here.domain.classes[c] for c in np.unique(here.domain.y)]
    scores |= {**told, "label_overlap": label_overlap(known.take(fresh), used)}
    if "source_accuracy" in scores:
        scores["loss"] = scores["source_accuracy"] - scores["accuracy"]
    return Scored(name, scores, time.perf_counter() - started, outputs, notes)
