"""Does it help to leave out source examples that are unlike the target? Probes on frozen features, no target labels.

python benchmarks/select_source.py [office_caltech10] [styles] [amazon_reviews] [--examples N] [--short] [--seed 0]

Each domain is the target of every other one (``one``), and of all others together (``all``), where unlike examples are
likelier. ``ratio``: the odds of a classifier that tells the domains apart (that of the A-distance), for each source
example by one that had not seen it. ``nearest``: the mean cosine with the 5 nearest target examples. Of each class that
share of the examples is kept that is likest to the target; ``random``: as many of each class, drawn. Target labels are
read for the accuracy alone. Reported: the gain over all source examples, in points of target accuracy, the mean over
pairs with a 95 % interval (Student's t), and the worst pair. ``--examples``: at most so many of each domain;
``--short``: amazon reviews alone, 100 of each domain.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from adaptation import SETS, numbered_as, some
from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.adaptation.density_ratio import logistic_ratio
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.base import AnyHead

SHARES, NEAREST, FOLDS = (0.25, 0.5, 0.75), 5, 5
Array = np.ndarray


def pairs(domains: dict[str, Domain]) -> Iterator[tuple[str, str, Domain, Domain]]:
    """Of one source or of all, a name, the source, and the target with the source's numbers of classes."""
    for name, target in domains.items():
        others = {other: domain for other, domain in domains.items() if other != name}
        for other, source in others.items():
            yield "one", f"{other}->{name}", source, numbered_as(target, source)
        joined = pair_domains(list(others.values()), target).source
        yield "all", f"all->{name}", joined, numbered_as(target, joined)


def held_out_ratio(x: Array, z: Array, seed: int) -> Array:
    """How much likelier each row of ``x`` is in the target, by a classifier that saw neither it nor its fold."""
    rng, found = np.random.default_rng(seed), np.empty(len(x))
    folds = [rng.permutation(len(m)) % FOLDS for m in (x, z)]
    for k in range(FOLDS):
        seen = [m[fold != k] for m, fold in zip((x, z), folds, strict=True)]
        both = np.concatenate(seen)
        scale = np.where(both.std(axis=0) == 0, 1.0, both.std(axis=0))
        found[folds[0] == k] = logistic_ratio(*(m / scale for m in seen))(x[folds[0] == k] / scale)
    return found


def nearness(x: Array, z: Array) -> Array:
    """The mean cosine of each row of ``x`` with its nearest rows of ``z``."""
    x, z = (m / np.maximum(1e-12, np.linalg.norm(m, axis=1, keepdims=True)) for m in (x, z))
    return np.sort(x @ z.T, axis=1)[:, -NEAREST:].mean(axis=1)


def best_of_each_class(score: Array, y: Array, share: float) -> Array:
    """The positions of the highest scores of each class, two at least."""
    kept = []
    for k in np.unique(y):
        at = np.flatnonzero(y == k)
        kept.append(at[np.argsort(-score[at], kind="stable")][: max(2, round(share * len(at)))])
    return np.sort(np.concatenate(kept))


def one_pair(source: Domain, target: Domain, embedder: Embedder, seed: int) -> dict[str, float]:
    """Target accuracy of each choice of source examples."""
    backbone = find_backbone(None, source.kind)
    rows, seen = (d.embedded(embedder(d, backbone)[0].features) for d in (source, target))
    x, z = (np.asarray(d.features, np.float64) for d in (rows, seen))
    identity, rng = find_backbone(None, "features"), np.random.default_rng(seed)

    def learned(at: Array, C: float | None = None) -> tuple[AnyHead, float]:
        some_rows = rows.take(at)
        method = LinearProbe() if C is None else LinearProbe(Cs=(C,), folds=2)
        given = Task(some_rows, None, identity, Embedder(None), seed, groups=some_rows.groups)
        found = method.solve(given, some_rows)
        return found.head, float(found.selection.chosen["C"])

    def accuracy(head: AnyHead) -> float:
        return float((head.predict(z) == target.y).mean())

    head, C = learned(np.arange(len(rows)))
    ratio = held_out_ratio(x, z, seed)
    found = {"all": accuracy(head)}
    for share in SHARES:
        for how, score in (("ratio", ratio), ("nearest", nearness(x, z)), ("random", rng.random(len(x)))):
            at = best_of_each_class(score, rows.y, share)
            found[f"{how} {share:.0%}"] = accuracy(learned(at, C=C)[0])
    return found


def gains(each: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The mean gain of each choice over all source examples, in points."""
    told = {}
    for how in next(iter(each.values())):
        if how == "all":
            continue
        points = 100 * np.array([one[how] - one["all"] for one in each.values()])
        half = t.ppf(0.975, len(points) - 1) * points.std(ddof=1) / np.sqrt(len(points)) if len(points) > 1 else np.inf
        told[how] = {
            "mean": round(float(points.mean()), 2),
            "interval": [round(float(points.mean() - half), 2), round(float(points.mean() + half), 2)],
            "worst": round(float(points.min()), 2),
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["office_caltech10", "styles", "amazon_reviews"])
    parser.add_argument("--examples", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    embedder, figures = Embedder(FeatureStore()), {}
    examples = 100 if args.short else args.examples
    for name in ["amazon_reviews"] if args.short else args.names:
        make, folder, _ = SETS[name]
        domains = make(args.data / folder, args.seed)
        domains = {n: some(d, examples, args.seed) for n, d in domains.items()} if examples else domains
        found: dict[str, dict[str, dict[str, float]]] = {}
        for of, pair, source, target in pairs(domains):
            found.setdefault(of, {})[pair] = one_pair(source, target, embedder, args.seed)
            print(name, pair, {k: round(100 * v, 1) for k, v in found[of][pair].items()}, flush=True)
        figures[name] = {of: {"gain": gains(each), "accuracy": each} for of, each in found.items()}
        for of in found:
            print(name, of, figures[name][of]["gain"], flush=True)
    record("select_source", figures, dry=args.short)


if __name__ == "__main__":
    main()
