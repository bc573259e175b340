"""The doctor's looks for outliers and suspicious labels: false alarms on clean sets, wrong labels found, and seconds.

    python benchmarks/doctor.py            features come from the store where they are there

- Office-Caltech-10 whole, 3,000 pictures of CIFAR-10, and digits: 3,000 of MNIST, USPS whole, 2,000 textured ones.
- ``outliers`` and ``suspicious``: how many of a set are named as it is. Some are real: every set has a few.
- ``flipped``: 3 % of the labels of each set changed to another class at random; how many of these are named
  (``found``), and how many others (``false``).
- ``seconds``: of both looks at ants vs bees, features and out-of-fold answers being there; ``names``: what they name.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.doctor.outliers import outliers
from transferium.data.doctor.suspicious_labels import suspicious
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone

SETS = {
    "office amazon": ("office_caltech10/amazon", None),
    "office caltech10": ("office_caltech10/caltech10", None),
    "office dslr": ("office_caltech10/dslr", None),
    "office webcam": ("office_caltech10/webcam", None),
    "CIFAR-10": ("cifar10_subset/train.parquet", 3000),
    "MNIST": ("digits/mnist", 3000),
    "USPS": ("digits/usps", None),
    "MNIST textured": ("digits/mnist_textured", 2000),
}
FLIPPED = 0.03


def seen(path: str, most: int | None, embedder: Embedder) -> Domain:
    """A set, or ``most`` of it drawn at random, as features of the bundled backbone."""
    domain = read(DATA / path)
    if most is not None:
        domain = domain.take(np.sort(np.random.default_rng(0).permutation(len(domain))[:most]))
    embedding = embedder(domain, find_backbone(None, domain.kind))[0]
    return domain.embedded(embedding.features).take(np.flatnonzero(embedding.ok))


def out_of_fold(domain: Domain, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The probe's answers about every example by a model that did not learn from it, had it these labels."""
    relabelled = Domain(domain.samples, "features", domain.ids, labels, domain.problem, name=domain.name)
    answers = LinearProbe().fit(Task(relabelled, None, find_backbone(None, "features"), Embedder(None), 0)).oof_outputs
    assert answers is not None
    return answers


def looked_at(domain: Domain) -> dict[str, Any]:
    """What both looks name of a set as it is, and of the same set with some labels changed."""
    rng, y = np.random.default_rng(0), domain.y
    at = rng.permutation(len(y))[: round(FLIPPED * len(y))]
    wrong = y.copy()
    wrong[at] = (y[at] + rng.integers(1, len(domain.classes), len(at))) % len(domain.classes)
    named = suspicious(out_of_fold(domain, wrong), wrong)[0]
    found = len(set(named.tolist()) & set(at.tolist()))
    return {
        "examples": len(y),
        "outliers": len(outliers(domain.features)),
        "suspicious": len(suspicious(out_of_fold(domain, y), y)[0]),
        "flipped": {"changed": len(at), "found": found, "false": len(named) - found},
    }


def main() -> None:
    embedder = Embedder(FeatureStore())
    figures: dict[str, Any] = {name: looked_at(seen(*where, embedder)) for name, where in SETS.items()}
    bees = seen("hymenoptera", None, embedder)
    answers, begin = out_of_fold(bees, bees.y), time.perf_counter()
    far, odd = outliers(bees.features), suspicious(answers, bees.y)[0]
    seconds = time.perf_counter() - begin
    names = {"outliers": [bees.ids[i] for i in far], "suspicious": [bees.ids[i] for i in odd]}
    record("doctor", {"sets": figures, "ants vs bees": {"seconds": round(seconds, 3), "names": names}})


if __name__ == "__main__":
    main()
