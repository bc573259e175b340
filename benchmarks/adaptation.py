"""Domain adaptation: source only, every method, auto, and what the target's labels would have chosen.

python benchmarks/adaptation.py [office_caltech10 amazon_reviews zh_shopping10 digits dann_timing] [--methods a,b]

Target labels are read in one place, ``measure``, after everything was fitted and chosen. The rule of ``auto`` was
designed while looking at office_caltech10 and amazon_reviews; zh_shopping10 and digits were measured afterwards, once.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, RESULTS, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.embedding.store import FeatureStore
from transferium.errors import TransferiumError
from transferium.functional.bootstrap import paired_interval
from transferium.methods.base import Fitted, Task
from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.models.catalogue import find_backbone

REVIEWS = 1200
DIGITS = 2000
METHODS_SHOWN = ("standardise", "coral", "prototypes", "mcc", "cdan", "shot", "dan", "dann", "deep-coral", "jda", "ot")


def some(domain: Domain, n: int) -> Domain:
    """``n`` examples drawn once for all runs."""
    return domain.take(np.sort(np.random.default_rng(0).permutation(len(domain))[:n]))


def office(folder: Path) -> dict[str, Domain]:
    return {name: read(folder / name) for name in ("amazon", "caltech10", "dslr", "webcam")}


def reviews(folder: Path) -> dict[str, Domain]:
    return {name: some(read(folder / f"{name}.csv"), REVIEWS) for name in ("books", "dvd", "electronics", "kitchen")}


def digits(folder: Path) -> dict[str, Domain]:
    """The even mnist ids alone: mnist_textured was made from the odd ones."""
    mnist = read(folder / "mnist")
    even = np.array([int(Path(name).stem) % 2 == 0 for name in mnist.ids])
    return {
        "mnist": some(mnist.take(even), DIGITS),
        "usps": some(read(folder / "usps"), DIGITS),
        "mnist_textured": some(read(folder / "mnist_textured"), DIGITS),
    }


def shopping(folder: Path) -> dict[str, Domain]:
    """Three domains as feature rows: character n-grams, hashed and reduced on all inputs, labels unseen."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    whole = read(folder / "all.csv", text="text", label="label")
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        of = np.array([row["domain"] for row in csv.DictReader(file)])
    names, counts = np.unique(of, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:3]
    parts = {str(name): some(whole.take(np.flatnonzero(of == name)), REVIEWS) for name in largest}
    texts = [str(d.samples.raw(i)) for d in parts.values() for i in range(len(d))]
    counted = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=2**16, norm=None, alternate_sign=False
    ).transform(texts)
    weighed = TfidfTransformer(sublinear_tf=True).fit_transform(counted)
    rows = TruncatedSVD(256, random_state=0).fit_transform(weighed).astype(np.float32)
    starts = np.cumsum([0, *(len(d) for d in parts.values())])
    return {name: d.embedded(rows[a:b]) for (name, d), a, b in zip(parts.items(), starts[:-1], starts[1:], strict=True)}


SETS = {"office_caltech10": office, "amazon_reviews": reviews, "zh_shopping10": shopping, "digits": digits}
PAIRS = {"digits": [("mnist", "usps"), ("usps", "mnist"), ("mnist", "mnist_textured")]}


def pairs_of(name: str, domains: dict[str, Domain]) -> Iterator[tuple[str, str]]:
    """Every ordered pair; for three domains, each as a source once."""
    if name in PAIRS:
        return iter(PAIRS[name])
    listed = list(domains)
    return (
        iter(itertools.permutations(listed, 2))
        if len(listed) > 3
        else zip(listed, [*listed[1:], listed[0]], strict=True)
    )


def measure(fitted: Fitted, task: Task, truth: Domain) -> np.ndarray:
    """Which target examples are answered rightly: the one place where target labels are read."""
    seen = task.embed(truth, fitted.backbone).features
    return fitted.head.predict(seen) == truth.y


def one_pair(source: Domain, target: Domain, embedder: Embedder, methods: list[str], seed: int) -> dict[str, Any]:
    backbone = find_backbone(None, source.kind)
    if source.kind == "features":
        backbone = replace(backbone, width=source.features.shape[1])
    target = replace(target, labels=np.array([source.classes.index(target.classes[k]) for k in target.y]))
    target = replace(target, classes=source.classes)
    task = Task(source, None, backbone, embedder, seed, unlabeled=target.unlabeled())
    right: dict[str, np.ndarray] = {}
    figures: dict[str, Any] = {"examples": [len(source), len(target)], "seconds": {}, "failed": {}}
    for name in ["probe", *methods, "auto"]:
        begin = time.perf_counter()
        try:
            fitted = find_method(name, {}).fit(task)
        except TransferiumError as error:
            figures["failed"][name] = str(error)
            continue
        figures["seconds"][name] = round(time.perf_counter() - begin, 2)
        right["source-only" if name == "probe" else name] = measure(fitted, task, target)
        if name == "auto":
            figures["auto_chose"] = fitted.selection.chosen["method"]
            figures["auto_votes"] = list(fitted.selection.notes)[:3]
    figures["accuracy"] = {name: round(100 * float(hits.mean()), 2) for name, hits in right.items()}
    gain = paired_interval(right["auto"], right["source-only"], seed=seed)
    figures["auto_gain"] = {key: round(100 * value, 2) for key, value in gain.as_dict().items()}
    stood = [n for n in ("source-only", *method_class("auto")().adaptations) if n in right]  # type: ignore[attr-defined]
    best = max(stood, key=lambda n: right[n].mean())
    figures["oracle"] = {"marked": "chosen with target labels", "best": best}
    figures["oracle"]["gap"] = round(100 * float(right[best].mean() - right["auto"].mean()), 2)
    return figures


def summary(pairs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over pairs, the worst pair of auto, and the mean oracle gap."""
    shared = set.intersection(*(set(p["accuracy"]) for p in pairs.values()))
    mean = {n: round(float(np.mean([p["accuracy"][n] for p in pairs.values()])), 2) for n in sorted(shared)}
    gains = [p["auto_gain"]["value"] for p in pairs.values()]
    return {
        "mean": mean,
        "auto_minus_source_only": {"mean": round(float(np.mean(gains)), 2), "worst": min(gains), "best": max(gains)},
        "oracle_gap_mean": round(float(np.mean([p["oracle"]["gap"] for p in pairs.values()])), 2),
    }


def dann_timing(seed: int) -> dict[str, Any]:
    """DANN over 5,000 + 5,000 cached features of width 1,280, 20 epochs."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, 10_000)
    x = (rng.normal(size=(10_000, 1280)) + 3 * rng.normal(size=(10, 1280))[y]).astype(np.float32)
    x[5000:] += rng.normal(size=1280).astype(np.float32)
    names = tuple("abcdefghij")
    both = Domain(Rows(x), "features", [str(i) for i in range(10_000)], y, names)
    source, target = both.take(np.arange(5000)), both.take(np.arange(5000, 10_000)).unlabeled()
    backbone = replace(find_backbone(None, "features"), width=1280)
    task = Task(source, None, backbone, Embedder(None), seed, unlabeled=target)
    begin = time.perf_counter()
    find_method("dann", {"epochs": 20}).fit(task)
    return {"seconds": round(time.perf_counter() - begin, 2), "load_average": os.getloadavg()[0], "epochs": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*SETS, "dann_timing"])
    parser.add_argument("--methods", default=",".join(METHODS_SHOWN))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    methods = [name for name in args.methods.split(",") if name in METHODS]
    embedder = Embedder(FeatureStore())
    written = RESULTS / "adaptation.json"
    figures = json.loads(written.read_text())["figures"] if written.exists() else {}
    for name in args.names:
        if name == "dann_timing":
            figures[name] = dann_timing(args.seed)
            record("adaptation", figures)
            continue
        domains, pairs = SETS[name](args.data / name), {}
        for source, target in pairs_of(name, domains):
            found = one_pair(domains[source], domains[target], embedder, methods, args.seed)
            pairs[f"{source}->{target}"] = found
            print(name, source, target, found["accuracy"], found["auto_chose"], found["auto_gain"], flush=True)
        figures[name] = {"seed": args.seed, "summary": summary(pairs), "pairs": pairs}
        print(name, json.dumps(figures[name]["summary"]), flush=True)
        record("adaptation", figures)


if __name__ == "__main__":
    main()
