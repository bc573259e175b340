"""Do intervals hold what they say, and is transfer found where it is and not where it is not?

python benchmarks/coverage.py [intervals] [small] [subgroups] [transfer] [trec] [cifar10] [--short] [--seed 0]

- ``intervals``: classifiers whose true figures are known (of 200,000 examples), evaluated on samples again and again.
  The share of 95 % intervals that hold the truth: accuracy, the paired difference of two classifiers, calibration error
  (of the same 15 bins), the train-test gap, and the coverage of a conformal threshold.
- ``small``: the same of 2 to 100 examples, amounts and shares, and how often two models that are alike
  differ, also by the percentiles of a bootstrap alone.
- ``subgroups``: how often any of five subgroups that are alike is called worse off, of 2 to 200 examples each: shares
  of right answers, and amounts whose errors are skewed, beside 60 others.
- ``transfer``: planted worlds of 4 classes, 200 to 2,000 training and 400 or 800 test examples, features in place of
  backbones. Positive: features that show more of the class than the reference's, or of one class alone; negative: less;
  null: labels that were permuted, and two views that are equally good. The share of worlds with each word, overall,
  on any class, and on one that was named before.
- ``trec``, ``cifar10``: the law of a learning curve from 30 % of the examples of TREC and of CIFAR-10 (subset), and
  whether its 95 % interval holds the error that a probe of all of them has, over draws.

``--short``: a tenth of the simulations, and 1,000 examples of TREC, 2,000 of CIFAR-10.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.evaluation.sides.conformal_sets import halves
from transferium.evaluation.sides.learn_and_test import order_of
from transferium.evaluation.sides.subgroups import p_of
from transferium.evaluation.sides.transfer_gain import by_class
from transferium.evaluation.verdict import verdict
from transferium.functional.bootstrap import Interval, difference_of, least_share, paired_interval
from transferium.functional.inference.conformal import conformal_threshold
from transferium.functional.inference.holm import holm
from transferium.functional.inference.power_law import fit_power_law
from transferium.functional.linear_classifier import softmax
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.class_evaluation import accuracy_interval, evaluate
from transferium.problems.classes import Classes
from transferium.problems.regression import Regression

Array = np.ndarray
POPULATION = 200_000
TESTED = (400, 800)
"""How many test examples of planted worlds are looked at."""


def classifier(rng: np.random.Generator, y: Array, sharp: float, wrong: float) -> Array:
    """Probabilities of a classifier: ``sharp`` is how much it sees, ``wrong`` how much too sure it is."""
    logits = rng.normal(size=(len(y), 4)) + sharp * np.eye(4)[y]
    return softmax(logits * sharp * wrong)


def share(held: list[bool]) -> dict[str, Any]:
    """A share of simulations with its own (Wilson) 95 % interval."""
    n, p, z = len(held), float(np.mean(held)), 1.96
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    wide = z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return {"value": round(p, 4), "low": round(middle - wide, 4), "high": round(middle + wide, 4), "simulations": n}


def ece(y: Array, p: Array) -> float:
    """The calibration error of a population, over the bins of ``evaluate``."""
    bins = np.clip(np.ceil(p.max(1) * 15).astype(int) - 1, 0, 14)
    return float(np.abs(np.bincount(bins, weights=p.max(1) - (p.argmax(1) == y), minlength=15)).sum() / len(y))


def intervals(runs: int, seed: int) -> dict[str, Any]:
    """The share of intervals that hold the truth, by figure and number of examples."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, POPULATION)
    one, other, honest = classifier(rng, y, 2.0, 1.5), classifier(rng, y, 1.6, 1.5), classifier(rng, y, 2.0, 1.0)
    right, theirs = one.argmax(1) == y, other.argmax(1) == y
    odd = 1 - one[np.arange(len(y)), y]
    truth = {"accuracy": right.mean(), "difference": right.mean() - theirs.mean(), "gap": 0.0, "ece": ece(y, one)}
    truth["ece of a calibrated one"] = ece(y, honest)
    found: dict[str, Any] = {"truth": {name: round(float(value), 4) for name, value in truth.items()}}
    for n in (150, 500):
        held: dict[str, list[bool]] = {name: [] for name in (*truth, "conformal 90 %")}
        for run in range(runs):
            at, again = rng.integers(0, POPULATION, (2, n))
            both = [accuracy_interval(right[i], seed=run) for i in (at, again)]
            measured = {
                "accuracy": both[0],
                "difference": paired_interval(right[at], theirs[at], seed=run, resamples=1000),
                "gap": difference_of(*both),
                "ece": evaluate(y[at], one[at], list("abcd"), seed=run, resamples=500)["calibration_error"],
            }
            shown = evaluate(y[at], honest[at], list("abcd"), seed=run, resamples=500)
            measured["ece of a calibrated one"] = shown["calibration_error"]
            for name, interval in measured.items():
                held[name].append(bool(interval.low <= truth[name] <= interval.high))
            first = halves(n, None, run)
            threshold = conformal_threshold(odd[at][first], 0.9)
            covered = accuracy_interval(odd[at][~first] <= threshold, seed=run)
            held["conformal 90 %"].append(bool(covered.low <= (odd <= threshold).mean() <= covered.high))
        found[f"{n} examples"] = {name: share(each) for name, each in held.items()}
    found["no interval is narrower than the exact one at 100 %"] = round(least_share(150), 4)
    return found


def small(runs: int, seed: int) -> dict[str, Any]:
    """How often a difference is found between models that are alike, and an interval misses the truth, of few examples.

    Amounts: two models whose errors are drawn alike. Shares: two that are right in 80 % each, alone half of the time.
    """
    rng, told, amounts = np.random.default_rng(seed), {}, Regression(("amount",))
    for n in (2, 3, 5, 8, 20, 100):
        found: dict[str, list[bool]] = {}
        for run in range(runs):
            ours, theirs = rng.normal(size=(2, n, 1))
            gain = amounts.compare(np.zeros(n), ours, theirs, seed=run)
            error = amounts.evaluate(np.zeros(n), ours, seed=run)["mae"]
            drawn = (np.abs(theirs) - np.abs(ours))[:, 0][np.random.default_rng(run).integers(0, n, (2000, n))]
            low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
            right, also = rng.random((2, n)) < 0.8
            pair = paired_interval(right, also, seed=run)
            own = accuracy_interval(right, seed=run)
            for name, wrong in {
                "amounts: a difference is found": gain.low > 0 or gain.high < 0,
                "amounts: percentiles alone find one": low > 0 or high < 0,
                "amounts: the mean error lies outside": not error.low <= np.sqrt(2 / np.pi) <= error.high,
                "shares: a difference is found": pair.low > 0 or pair.high < 0,
                "shares: the accuracy lies outside": not own.low <= 0.8 <= own.high,
            }.items():
                found.setdefault(name, []).append(bool(wrong))
        told[f"{n} examples"] = {name: share(each) for name, each in found.items()}
    return told


def alike_subgroups(runs: int, seed: int) -> dict[str, Any]:
    """How often one of five groups that are alike is called worse off, by what is predicted and their size."""
    rng, told, amounts = np.random.default_rng(seed), {}, Regression(("amount",))

    def right(at: Array, values: Array, run: int) -> Interval:
        return accuracy_interval(values[at] < 0.85, seed=run)

    def error(at: Array, values: Array, run: int) -> Interval:
        return amounts.evaluate(np.zeros(at.sum()), -np.log(values[at])[:, None], seed=run)["mae"]

    for name, figure, sign in (("shares", right, 1), ("amounts", error, -1)):
        for size in (2, 3, 5, 20, 60, 200):
            alarms, group = [], np.r_[np.repeat(np.arange(5), size), np.full(60, 5)]
            for run in range(runs):
                values, gaps, p_values = rng.random(len(group)), [], []
                for k in range(6):
                    sides = group == k, group != k
                    gaps.append(difference_of(*(figure(side, values, run) for side in sides)))
                    p_values.append(p_of(gaps[-1], min(int(side.sum()) for side in sides)))
                adjusted = holm(p_values)
                alarms.append(any(p < 0.05 and sign * gap.value < 0 for p, gap in zip(adjusted, gaps, strict=True)))
            told[f"{name}, 5 groups of {size}"] = share(alarms)
    return told


def views(rng: np.random.Generator, y: Array, signal: Array) -> Array:
    """Features ``(n, 16)`` that show class ``k`` by ``signal[k]``."""
    x = rng.normal(size=(len(y), 16))
    x[np.arange(len(y)), y] += signal[y]
    return x.astype(np.float32)


def probe(x: Array, y: Array, test: Array, seed: int) -> Array:
    """Probabilities of a probe of ``x`` for ``test``."""
    domain = Domain(Rows(x), "features", [str(i) for i in range(len(x))], y, Classes(tuple("abcd")))
    task = Task(domain, None, find_backbone(None, "features"), Embedder(None), seed)
    return LinearProbe(Cs=(0.1, 1.0), folds=2).solve(task, domain).head.outputs(test)


def transfer(runs: int, seed: int) -> dict[str, Any]:
    """The share of planted worlds with each word, by how many test examples are looked at."""
    plain, more, less = np.full(4, 1.5), np.full(4, 2.3), np.full(4, 0.7)
    one = np.array([3.0, 1.5, 1.5, 1.5])
    worlds = {
        "positive": (more, plain, 200, False),
        "null, permuted labels": (plain, plain, 200, True),
        "null, equal views": (plain, plain, 2000, False),
        "negative": (less, plain, 200, False),
        "first class alone gains": (one, plain, 200, False),
    }
    found: dict[str, Any] = {}
    for name, (ours, theirs, n, permuted) in worlds.items():
        words: dict[int, list[list[str]]] = {tested: [] for tested in TESTED}
        for run in range(runs):
            rng = np.random.default_rng([seed, run, n])
            y = rng.integers(0, 4, n + max(TESTED))
            labels = rng.permutation(y) if permuted else y
            answers = [probe(x[:n], labels[:n], x[n:], run) for x in (views(rng, y, s) for s in (ours, theirs))]
            for tested in TESTED:
                held, both = labels[n : n + tested], [outputs[:tested] for outputs in answers]
                gap = Classes(tuple("abcd")).compare(held, *both, seed=run)
                word = verdict(gap, "one", "other", Classes.wording).word
                words[tested].append([word, *(row["word"] for row in by_class("abcd", held, *both, seed=run))])
        found[name] = {f"{tested} test examples": shares_of(each) for tested, each in words.items()}
    return found


def shares_of(words: list[list[str]]) -> dict[str, Any]:
    """The shares of worlds with each word, whose ``words`` are that on all classes and those on each."""
    told = {f"overall {word}": share([row[0] == word for row in words]) for word in ("helped", "hurt")}
    told |= {f"any class {word}": share([word in row[1:] for row in words]) for word in ("helped", "hurt")}
    told["any class helped or hurt"] = share([{"helped", "hurt"} & set(row[1:]) != set() for row in words])
    return told | {f"first class {word}": share([row[1] == word for row in words]) for word in ("helped", "hurt")}


def curve(name: str, draws: int, examples: int, seed: int, side: int | None = None) -> dict[str, Any]:
    """Whether the law from 30 % of a data set foretells the error of all of it."""
    given = read(DATA / name)
    backbone = find_backbone(None, given.kind, size=side)
    embedder = Embedder(FeatureStore())
    train, test = given.part("train"), given.part("test")
    train = train.take(np.sort(np.random.default_rng(seed).permutation(len(train))[:examples]))
    rows, held = (domain.embedded(embedder(domain, backbone)[0].features) for domain in (train, test))

    def error(at: Array) -> float:
        learn = rows.take(at)
        head = LinearProbe(Cs=(1.0,), folds=2).solve(Task(learn, None, backbone, embedder, seed), learn).head
        return 1 - train.posed.merit(held.y, head.outputs(held.features))

    whole, inside, told = error(np.arange(len(rows))), [], []
    for draw in range(draws):
        some = order_of(train.posed, train.y, (seed, draw))[: int(0.3 * len(rows))]
        sizes, errors = [], []
        for n in np.geomspace(len(some) / 16, len(some), 5).round().astype(int).tolist():
            for again in range(1 if n == len(some) else 3):
                part = some[order_of(train.posed, train.y[some], (seed, draw, again, n))[:n]]
                sizes.append(n)
                errors.append(error(part))
        found = fit_power_law(np.array(sizes), np.array(errors), seed=draw).at(len(rows))
        inside.append(found.low <= whole <= found.high)
        told.append([round(end, 4) for end in (found.value, found.low, found.high)])
    return {
        "examples": len(rows),
        "backbone": backbone.name,
        "side": side,
        "error of all": round(whole, 4),
        "held": share(inside),
        "draws": told,
    }


def main() -> None:
    """Run what was asked for, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["small", "subgroups", "transfer", "trec", "cifar10", "intervals"])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    short, seed = asked.short, asked.seed
    jobs = {
        "small": lambda: small(200 if short else 2000, seed),
        "subgroups": lambda: alike_subgroups(20 if short else 200, seed),
        "transfer": lambda: transfer(10 if short else 100, seed),
        "trec": lambda: curve("trec", 5 if short else 20, 1000 if short else 5452, seed),
        "cifar10": lambda: curve("cifar10_subset", 5 if short else 20, 2000 if short else 10_000, seed, 64),
        "intervals": lambda: intervals(100 if short else 1000, seed),
    }
    for name, job in jobs.items():
        if name in asked.what:
            record(f"coverage_{name}", job(), dry=short)


if __name__ == "__main__":
    main()
