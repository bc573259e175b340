"""What a labelled source is worth for a target, before anything is adapted."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.functional.matrices import one_hot
from transferium.functional.shift.a_distance import a_distance
from transferium.functional.shift.permutation import mmd_permutation_test
from transferium.functional.transferability.leep import leep
from transferium.functional.transferability.nce import nce
from transferium.job.fit.prepare import prepare
from transferium.job.fit.readable import choose_backbone
from transferium.job.rank.scored import Scored
from transferium.job.stopwatch import Stopwatch
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

Array = NDArray[np.float64]


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
    notes = tuple(finding.message for finding in found)
    here, there = (prepare(domain, embedder, backbone, watch=watch) for domain in (pair.source, pair.target))
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
    if not fresh.any():
        raise DataError(f"every example of the target is in {source.name!r} too, so that nothing can be measured")
    outputs = _outputs(probe, here.domain.classes, known, z)
    scores |= _by_labels(probe.head.outputs(z[fresh]), outputs[fresh], known.take(fresh), here.domain)
    if "source_accuracy" in scores:
        scores["loss"] = scores["source_accuracy"] - scores["accuracy"]
    outputs[~fresh] = np.nan
    return Scored(name, scores, time.perf_counter() - started, outputs, notes)


def _outputs(probe: Fitted, classes: tuple[str, ...], known: Domain, z: Array) -> Array:
    """The class that the source's model names, ``(n, target classes + 1)``: the last is one that the target lacks."""
    place = {name: i for i, name in enumerate(known.classes)}
    names = np.array([place.get(name, len(place)) for name in classes])
    return one_hot(names[probe.head.predict(z)], len(place) + 1)


def _by_labels(probabilities: Array, outputs: Array, known: Domain, source: Domain) -> dict[str, float]:
    shared = np.isin(np.array(known.classes)[known.y], [source.classes[c] for c in np.unique(source.y)])
    scores = {
        "accuracy": float((outputs.argmax(axis=1) == known.y).mean()),
        "label_overlap": float(shared.mean()),
    }
    if len(known) > len(np.unique(known.y)):
        scores |= {"leep": leep(probabilities, known.y), "nce": nce(probabilities.argmax(axis=1), known.y)}
    return scores
