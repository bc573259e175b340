"""Choosing before training: do scores order backbones as a probe's test accuracy does, and is the best source found?

python benchmarks/rank.py [backbones] [sources] [logme] [--short] [--examples 400] [--shots 5] [--seed 0]

``--short``: pictures of 48 and 64 pixels, 200 examples of each image set and 300 of each domain.

- ``backbones``: EfficientNet-Lite 0, 1 and 2 at three sizes and one with random weights, on six image data sets. Half
  of the examples are ranked on, the other half tests a probe of the first half. Reported: the weighted Kendall's tau of
  each score with that accuracy, its mean over the data sets with a 95 % interval (bootstrap over data sets), and how
  far the recommended backbone is behind the best. ``size_mb`` and ``published_accuracy`` are the naive baseline (a
  random network counts as worst there); ``pixels`` prefers larger pictures.
- ``sources``: each domain in turn is the target, all others are sources. ``without labels`` orders by the A-distance;
  ``with labels`` by a few labels of each class. The other target examples say what a probe of each source gets right.
- ``logme``: its seconds on 10,000 x 1,280 features of 10 classes: of the clock, and of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import weightedtau

from adaptation import office, reviews, some
from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.transferability.logme import logme
from transferium.job.rank.ranking import Ranking
from transferium.job.rank.run import rank_candidates
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised

SIZES, SHORT = (64, 96, 128), (48, 64)
HOW = ("without labels", "with labels", "largest source")


def backbones(sizes: tuple[int, ...]) -> dict[str, Backbone]:
    """The candidates, by a name that says the size of the pictures."""
    found = {
        f"lite{i} at {size}": find_backbone(f"efficientnet_lite{i}", "image", size=size)
        for i in range(3)
        for size in sizes
    }
    return found | {"random lite0 at 64": randomised(found["lite0 at 64"])}


def pictures(folder: Path, n: int, seed: int) -> dict[str, Domain]:
    """Six image data sets, each cut to ``n`` examples."""
    given = {
        "hymenoptera": read(folder / "hymenoptera").part("train"),
        "cifar10_subset": read(folder / "cifar10_subset").part("train"),
        "office webcam": read(folder / "office_caltech10" / "webcam"),
        "office amazon": read(folder / "office_caltech10" / "amazon"),
        "mnist": read(folder / "digits" / "mnist"),
        "styles cartoon": read(folder / "styles" / "cartoon"),
    }
    return {name: some(replace(domain, parts=None), n, seed) for name, domain in given.items()}


def halves(domain: Domain, seed: int) -> tuple[Domain, Domain]:
    """Two halves, each with half of every class."""
    order = np.random.default_rng(seed).permutation(len(domain))
    order = order[np.argsort(domain.y[order], kind="stable")]
    return domain.take(np.sort(order[::2])), domain.take(np.sort(order[1::2]))


def tested(backbone: Backbone, train: Domain, test: Domain, embedder: Embedder, seed: int) -> float:
    """The accuracy of a probe of ``train`` on ``test``."""
    task = Task(train, None, backbone, embedder, seed)
    head = LinearProbe().fit(task).head
    return float((head.predict(task.embed(test).features) == test.y).mean())


def one_data_set(domain: Domain, sizes: tuple[int, ...], embedder: Embedder, seed: int) -> dict[str, Any]:
    """Every score's weighted tau, and how far behind the best the recommended backbone is, in points."""
    train, test = halves(domain, seed)
    given = backbones(sizes)
    ranking = rank_candidates(train, given, {}, embedder, seed=seed, columns={})
    truth = {name: tested(backbone, train, test, embedder, seed) for name, backbone in given.items()}
    names = [c.name for c in ranking.candidates]
    accuracy = np.array([truth[name] for name in names])
    shown = sorted({score for c in ranking.candidates for score in c.scores})
    tau = {s: _tau([c.scores.get(s, -np.inf) for c in ranking.candidates], accuracy) for s in shown}
    tau["pixels"] = _tau([int(name.rsplit(" ", 1)[1]) for name in names], accuracy)
    return {
        "test_accuracy": truth,
        "weighted_tau": tau,
        "recommended": names[0],
        "behind_the_best_points": round(100 * float(accuracy.max() - accuracy[0]), 2),
        "seconds": {c.name: round(c.seconds, 2) for c in ranking.candidates},
    }


def _tau(score: list[float], accuracy: np.ndarray) -> float:
    return round(float(weightedtau(score, accuracy).statistic), 3)


def of_backbones(folder: Path, n: int, sizes: tuple[int, ...], embedder: Embedder, seed: int) -> dict[str, Any]:
    """All data sets, and the mean over them."""
    each = {}
    for name, domain in pictures(folder, n, seed).items():
        each[name] = one_data_set(domain, sizes, embedder, seed)
        print(name, each[name]["recommended"], each[name]["behind_the_best_points"], flush=True)
    taus = {s: [one["weighted_tau"][s] for one in each.values()] for s in next(iter(each.values()))["weighted_tau"]}
    near = sum(one["behind_the_best_points"] <= 1 for one in each.values())
    mean = {s: _mean(values, seed) for s, values in sorted(taus.items(), key=lambda kv: -np.nanmean(kv[1]))}
    return {"mean_weighted_tau": mean, "within_a_point": f"{near} of {len(each)}", "data_sets": each}


def _mean(values: list[float], seed: int) -> dict[str, float]:
    drawn = np.random.default_rng(seed).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(float(np.mean(values)), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def of_sources(domains: Mapping[str, Domain], shots: int, embedder: Embedder, seed: int) -> dict[str, Any]:
    """Each domain as the target of all others."""
    found = {}
    for name, target in domains.items():
        sources = {other: domain for other, domain in domains.items() if other != name}
        few, rest = _few(target, shots, seed)
        judge = _ranked(rest, sources, embedder, seed)
        truth = {c.name: c.scores["accuracy"] for c in judge.candidates}
        orders = {
            "without labels": _ranked(rest.unlabeled(), sources, embedder, seed),
            "with labels": _ranked(few, sources, embedder, seed),
        }
        found[name] = {"source_only": truth} | {
            how: {
                "recommended": ranking.candidates[0].name,
                "behind_the_best_points": round(100 * (max(truth.values()) - truth[ranking.candidates[0].name]), 2),
            }
            for how, ranking in orders.items()
        }
        largest = max(sources, key=lambda s: len(sources[s]))
        found[name]["largest source"] = {
            "recommended": largest,
            "behind_the_best_points": round(100 * (max(truth.values()) - truth[largest]), 2),
        }
        print(name, found[name], flush=True)
    return found


def _ranked(target: Domain, sources: Mapping[str, Domain], embedder: Embedder, seed: int) -> Ranking:
    return rank_candidates(target, {}, sources, embedder, seed=seed, columns={})


def _few(target: Domain, shots: int, seed: int) -> tuple[Domain, Domain]:
    """``shots`` examples of each class, and all others."""
    order = np.random.default_rng(seed).permutation(len(target))
    few = np.concatenate([order[target.y[order] == c][:shots] for c in np.unique(target.y)])
    return target.take(np.sort(few)), target.take(np.setdiff1d(order, few))


def seconds_of_logme() -> dict[str, float]:
    """The least of three, of the clock and of the processor."""
    rng, y = np.random.default_rng(0), np.arange(10_000) % 10
    x = (rng.normal(size=(10_000, 1280)) + 0.1 * rng.normal(size=(10, 1280))[y]).astype(np.float32)
    clocks: dict[str, Callable[[], float]] = {"clock": time.perf_counter, "processor": time.process_time}
    found = dict.fromkeys(clocks, np.inf)
    for _ in range(3):
        started = {name: clock() for name, clock in clocks.items()}
        logme(x, y)
        found = {name: min(found[name], clock() - started[name]) for name, clock in clocks.items()}
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["logme", "sources", "backbones"])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    n, sizes = (200, SHORT) if args.short else (args.examples, SIZES)
    figures: dict[str, Any] = {}
    embedder = Embedder(FeatureStore())
    if "logme" in args.parts:
        figures["logme_seconds"] = seconds_of_logme()
    if "sources" in args.parts:
        given = {"office_caltech10": office, "amazon_reviews": reviews}
        found = {
            folder: of_sources(
                {
                    name: some(domain, 300, args.seed) if args.short else domain
                    for name, domain in make(args.data / folder, args.seed).items()
                },
                *(args.shots, embedder, args.seed),
            )
            for folder, make in given.items()
        }
        targets = [target for of_set in found.values() for target in of_set.values()]
        for how in HOW:
            near = sum(target[how]["behind_the_best_points"] <= 1 for target in targets)
            figures[f"sources_within_a_point_{how.replace(' ', '_')}"] = f"{near} of {len(targets)}"
        figures["sources"] = found
    if "backbones" in args.parts:
        figures["backbones"] = of_backbones(args.data, n, sizes, embedder, args.seed)
    record("rank", figures)


if __name__ == "__main__":
    main()
