"""Pairs of one kind or not, of questions or of pictures: pair features beside concatenation alone.

Pairs are drawn from TREC (``questions``, by coarse label) or from CIFAR-10 (``pictures``): 2,000 of training examples
and 1,000 of test examples, half of them with the same label. Both probes read the same frozen features of each example,
choose their penalty from the same grid inside the training part, and are compared on the same pairs: one of
``u, v, |u - v|, u·v``, one of ``u, v``.

python benchmarks/pairs.py [questions|pictures] [--draws 5] [--short]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.readers.columns import PAIRS
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.bootstrap import paired_interval
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone, randomised

SOURCES: dict[str, dict[str, Any]] = {
    "questions": {"file": "trec/{}.csv", "text": "text", "label": "label"},
    "pictures": {"file": "cifar10_subset/{}.parquet", "image": "image", "label": "label"},
}
SIZES = {"train": 2000, "test": 1000}


def pairs(examples: Domain, n: int, seed: int) -> Domain:
    """``n`` pairs, every second of which has the same label; the other side is drawn from what is left."""
    draw, by_label = np.random.default_rng(seed), defaultdict(list)
    for i, label in enumerate(examples.y.tolist()):
        by_label[label].append(examples.samples.raw(i))
    everything = [(label, one) for label, alike in by_label.items() for one in alike]
    found, labels = [], []
    for i in range(n):
        label, one = everything[draw.integers(len(everything))]
        others = by_label[label] if i % 2 else [other for kind, other in everything if kind != label]
        found.append((one, others[draw.integers(len(others))]))
        labels.append("same" if i % 2 else "different")
    return read(found, kind=PAIRS[examples.kind], label=labels, name=f"pairs {n}")


def probes(train: Domain, test: Domain, embedder: Embedder) -> dict[str, Any]:
    """Accuracy with both kinds of features, and with random weights; the gain of pair features, on the same pairs."""
    backbone = find_backbone(None, train.kind)
    right, told = {}, {}
    for name, network, share in (
        ("pair features", backbone, 1.0),
        ("concatenation", backbone, 0.5),
        ("pair features, random weights", randomised(backbone), 1.0),
    ):
        seen, asked = (embedder(domain, network)[0].features for domain in (train, test))
        width = int(share * seen.shape[1])
        rows = train.embedded(seen[:, :width])
        fitted = LinearProbe().solve(Task(rows, None, find_backbone(None, "features"), embedder, 0), rows)
        outputs = fitted.head.outputs(asked[:, :width])
        right[name] = outputs.argmax(axis=1) == test.y
        told[name] = test.posed.evaluate(test.y, outputs, seed=0)["accuracy"].as_dict()
    gain = paired_interval(right["pair features"], right["concatenation"], seed=0)
    return told | {"pair features less concatenation": gain.as_dict()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=SOURCES, default="questions")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="one draw, and no file")
    given = parser.parse_args()
    embedder = Embedder(FeatureStore())
    columns = dict(SOURCES[given.what])
    file = columns.pop("file")
    examples = {part: read(given.data / file.format(part), **columns) for part in SIZES}
    draws = []
    for seed in range(1 if given.short else given.draws):
        train, test = (pairs(examples[part], n, 100 * seed + i) for i, (part, n) in enumerate(SIZES.items()))
        draws.append(probes(train, test, embedder))
    means = {name: float(np.mean([draw[name]["value"] for draw in draws])) for name in draws[0]}
    record(
        "pairs" if given.what == "questions" else f"pairs_of_{given.what}",
        {"sizes": SIZES, "means": means, "draws": draws},
        dry=given.short,
    )


if __name__ == "__main__":
    main()
