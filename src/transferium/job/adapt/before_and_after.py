"""The two domains before and after adapting: their distance, the predictions, and a map of both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.evaluation.collapse import collapse
from transferium.functional.map2d import FEWEST, neighbour_map, principal_map
from transferium.functional.shift.a_distance import a_distance
from transferium.job.adapt.fit import Adapted
from transferium.job.adapt.labelled_target import told_of_few
from transferium.methods.adapted_model import alignment_of, source_reader
from transferium.methods.model_selection.election import opinions

Array = NDArray[Any]
MATCHED = (
    "right less often than by chance: the domains' means were brought together on these very rows, those held out from "
    "the classifier included, and this distance says no more than that"
)
"""The note on a domain classifier whose accuracy is clearly below one half after adapting, and was not before."""
COLLAPSE = 0.2
"""A class has collapsed when it is predicted less than this share of what source only predicts of it."""
LIMIT = 1000
"""Rows of each domain that the domain classifier is fitted to: enough for two digits, and quick."""


def domains_before_and_after(adapted: Adapted, before: Array, after: Array, kind: str = "pca") -> dict[str, Any]:
    """Everything of the report's section on the two domains, from inputs and predictions alone.

    ``before`` and ``after`` are probabilities of source only and of the adapted model on ``adapted.held``; ``kind`` is
    that of the maps, ``pca`` or ``tsne``. Where a model stood for the source there are no two domains to measure or
    draw, and no validator is asked.
    """
    task = adapted.task
    shares = class_shares(task.train, before, after)
    told: dict[str, Any] = {
        "source": {"name": task.train.name, "examples": len(task.train), "of": list(adapted.pair.names)},
        "target": {"name": adapted.pair.target.name, "examples": len(task.unlabeled)},
        "rule": adapted.rule,
        "transductive": is_transductive(adapted),
        "labels_stripped": adapted.pair.answers is not None,
        "few": told_of_few(task.target),
        "shares": shares,
        "collapsed": collapsed(shares),
        "source_only_collapse": _collapse_before(task.train, before),
        "distance": {},
        "maps": {},
    }
    if adapted.model is not None:
        told["source"]["model"] = adapted.model.artifact.fingerprint
        return told
    unmoved = adapted.source_only.backbone
    raw = [np.asarray(task.embed(d, unmoved).features, np.float64) for d in (task.train, task.unlabeled)]
    stages = {"before": raw}
    if (moved := moved_features(adapted, raw)) is not None:
        stages["after"] = moved
    for when, (x, z) in stages.items():
        told["distance"][when] = distance(x, z, task.seed)
        told["maps"][when] = flat_map(x, z, task.seed, kind)
    mark_matched(told["distance"])
    if not adapted.candidates and not adapted.fitted.head.equals(adapted.source_only.head):
        told["opinions"] = opinions(task, adapted.source_only, adapted.fitted)
    return told


def _collapse_before(source: Domain, before: Array) -> str:
    """What source only leaves out of its answers ``before`` adapting; empty where all is well."""
    n, classes = len(source), source.classes
    there = np.bincount(source.y, minlength=len(classes)) / n if n else None
    return collapse(before.argmax(axis=1), classes, there)


def is_transductive(adapted: Adapted) -> bool:
    """Whether what is evaluated on was adapted to as well: by a method that looks at it, and in an undivided target."""
    parts = adapted.target.domain.parts
    return adapted.method.looks_at_inputs(adapted.task) and (parts is None or len(np.unique(parts)) == 1)


def mark_matched(distances: dict[str, dict[str, Any]]) -> None:
    """Add a note where adapting took the domain classifier below chance, to say what that means."""
    below = {when: found.get("accuracy", {}).get("high", 1.0) < 0.5 for when, found in distances.items()}
    if below.get("after") and not below["before"]:
        distances["after"]["note"] = MATCHED


def moved_features(adapted: Adapted, raw: list[Array]) -> list[Array] | None:
    """Both domains as the last linear layer of the adapted model reads them; None where it reads what was there."""
    task, fitted = adapted.task, adapted.fitted
    if fitted.backbone.fingerprint != adapted.source_only.backbone.fingerprint:
        readers = (task.train, source_reader(fitted)[0]), (task.unlabeled, fitted.backbone)
        return [np.asarray(task.embed(domain, backbone).features) for domain, backbone in readers]
    if (alignment := alignment_of(fitted)) is not None:
        return [alignment.source(raw[0]), alignment.target(raw[1])]
    read = [source_reader(fitted)[1].activations(raw[0]), fitted.head.activations(raw[1])]
    return None if all(np.array_equal(a, b) for a, b in zip(read, raw, strict=True)) else read


def distance(x: Array, z: Array, seed: int) -> dict[str, Any]:
    """The proxy A-distance and the accuracy of the domain classifier behind it, or why there is none."""
    try:
        found = a_distance(x, z, seed=seed, limit=LIMIT)
    except InputError as error:
        return {"value": None, "reason": str(error)}
    accuracy = {"value": found.accuracy, "low": found.low, "high": found.high}
    return {"value": found.distance, "accuracy": accuracy}


def flat_map(x: Array, z: Array, seed: int, kind: str = "pca") -> dict[str, Any]:
    """Both domains on one map, rounded for a page: their first two principal components together, or t-SNE."""
    shares: tuple[float, ...] = ()
    if kind == "tsne" and len(x) + len(z) >= FEWEST:
        source, target = neighbour_map(x, z, seed=seed)
    else:
        kind = "pca"
        source, target, shares = principal_map(x, z, seed=seed)
    both = np.concatenate([source, target])
    middle, scale = (both.max(axis=0) + both.min(axis=0)) / 2, float(np.ptp(both, axis=0).max()) / 2 or 1.0
    points = {name: ((m - middle) / scale).round(3).tolist() for name, m in (("source", source), ("target", target))}
    return points | {"kind": kind, "variance": [round(s, 4) for s in shares]}


def class_shares(source: Domain, before: Array, after: Array) -> list[dict[str, Any]]:
    """The shares of each class: in the source's labels, and in the target's predictions before and after.

    The share of a source without examples is None.
    """
    classes = len(source.classes)
    columns = {"source": source.y, "before": before.argmax(axis=1), "after": after.argmax(axis=1)}
    given = {
        name: (np.bincount(c, minlength=classes)[:classes] / len(c)).tolist() if len(c) else [None] * classes
        for name, c in columns.items()
    }
    return [{"class": name} | {when: given[when][k] for when in given} for k, name in enumerate(source.classes)]


def collapsed(shares: list[dict[str, Any]]) -> list[str]:
    """The classes that are hardly predicted any more after adapting."""
    return [row["class"] for row in shares if row["after"] < COLLAPSE * row["before"]]
