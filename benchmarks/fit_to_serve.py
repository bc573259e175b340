"""What is served and what is said: log-loss and calibration of adapted models, predicted families, sources that harm.

python benchmarks/fit_to_serve.py [styles amazon_reviews zh_shopping10 office_caltech10 digits halves harm] [--seed 0]

On every pair of a set: source only, what ``auto`` serves and every method by name, each with its accuracy, log-loss and
calibration error on the target at the temperature of the source and at the one that is served; and the family that
``compare`` predicts beside the one that won. ``halves`` are two halves of one domain, once with the same class shares
and once with others (a planted label shift). ``harm`` plants sources with permuted labels, with shuffled labels and
with unrelated classes, and honest ones; which of them are called harmful is counted.

How temperatures are made and families predicted was designed on styles and amazon_reviews, and had been seen on
zh_shopping10; office_caltech10, digits and halves took no part in it. Target labels are read after everything was
fitted and chosen.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from adaptation import SETS, Asked, numbered_as, pairs_of, some
from record import DATA, RESULTS, command, record
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.evaluation.adapted import Answers
from transferium.functional.calibration import calibration_error
from transferium.functional.linear_classifier import softmax
from transferium.job.adapt.source_worth import source_worth
from transferium.job.compare.family import FAMILIES
from transferium.job.compare.run import compare_domains
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.model_selection.auto import Auto
from transferium.methods.served_confidence import served
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes

METHODS = tuple(name for family in FAMILIES.values() for name in family if name != "source-only")
CLOSE = 1.0
"""Points of accuracy within which two families win together."""
CASES = 50
"""Planted and honest sources of each kind."""
Named = tuple[str, Domain, Domain]


def pairs(name: str, data: Path, seed: int) -> Iterator[Named]:
    """The pairs of a set: their name, the source, and the target with its labels numbered as the source's."""
    if name == "halves":
        yield from halves(data, seed)
        return
    make, folder, _ = SETS[name]
    domains = make(data / folder, seed)
    for source, target in pairs_of(name, domains):
        yield f"{source}->{target}", domains[source], domains[target]


def halves(data: Path, seed: int) -> Iterator[Named]:
    """One domain divided by chance, and the same with four fifths of all classes but the first third left out."""
    rng = np.random.default_rng(seed)
    for path in ("office_caltech10/amazon", "styles/photo", "styles/cartoon", "amazon_reviews/books.csv"):
        whole = read(data / path)
        whole = some(whole, 1400, seed)
        order = rng.permutation(len(whole))
        source, target = whole.take(order[: len(order) // 2]), whole.take(order[len(order) // 2 :])
        rare = target.y >= max(1, len(whole.classes) // 3)
        skewed = target.take(np.flatnonzero(~rare | (rng.random(len(target)) < 0.2)))
        yield f"{path} halves", source, target
        yield f"{path} other shares", source, skewed


def figures(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)).mean()
    sizes = {"accuracy": 100 * float((p.argmax(axis=1) == y).mean()), "log_loss": float(loss)}
    return {key: round(value, 4) for key, value in (sizes | {"ece": calibration_error(p, y)}).items()}


def one_pair(source: Domain, target: Domain, embedder: Embedder, asked: Asked, seed: int) -> dict[str, Any]:
    """Everything of one pair."""
    target = numbered_as(target, source)
    target = target.take(np.random.default_rng([seed, len(source)]).permutation(len(target)))
    backbone = find_backbone(asked.backbone, source.kind, size=asked.size)
    if source.kind == "features":
        backbone = replace(backbone, width=source.features.shape[1])
    task = AdaptationTask(source, None, backbone, embedder, seed, unlabeled=target.unlabeled())
    auto = Auto().adapt(task)
    models = dict(auto.beside)
    alone = models["source-only"]
    for name in METHODS:
        if name not in models:
            models[name] = asked.method(name).adapt(task)
    told = compare_domains(pair_domains([source], target.unlabeled()), embedder, seed=seed, permutations=20)
    rows = task.target_features().features

    def by(fitted: Fitted) -> dict[str, Any]:
        before = softmax(fitted.head.logits(rows) / fitted.head.temperature)
        after = fitted if fitted.head is alone.head else served(task, fitted, alone)
        return {"source_temperature": figures(before, target.y), "served": figures(after.head.outputs(rows), target.y)}

    return {
        "auto": {"took": auto.selection.chosen["method"]} | by(auto),
        "methods": {name: by(fitted) for name, fitted in models.items()},
        "family": told["family"],
        "signs": told["signs"],
    }


def summary(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over pairs: what is served beside source only, and how often the predicted family won."""
    return {"pairs": len(found), "confidence": confidence(found), "families": families(found)}


def confidence(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mean accuracy, log-loss and calibration error of source only, of ``auto`` and of every method."""
    told = {}
    for name in ("auto", *next(iter(found.values()))["methods"]):
        each = [pair["auto"] if name == "auto" else pair["methods"][name] for pair in found.values()]
        told[name] = {
            "accuracy": _mean([e["served"]["accuracy"] for e in each]),
            "log_loss": {when: _mean([e[when]["log_loss"] for e in each]) for when in ("source_temperature", "served")},
            "ece": {when: _mean([e[when]["ece"] for e in each]) for when in ("source_temperature", "served")},
        }
    alone = [pair["methods"]["source-only"]["served"] for pair in found.values()]
    as_good = [
        e["served"]["log_loss"] <= a["log_loss"] + 0.005
        for pair, a in zip(found.values(), alone, strict=True)
        for name, e in pair["methods"].items()
        if name != "source-only" and e["served"]["accuracy"] >= a["accuracy"]
    ]
    return {"means": told, "at_least_as_accurate": {"cases": len(as_good), "log_loss_no_worse": int(sum(as_good))}}


def families(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How often the predicted family was within a point of the best, beside chance and each family predicted always."""
    winners = {name: winners_of(pair) for name, pair in found.items()}
    right = {name: found[name]["family"] in best for name, best in winners.items()}
    return {
        "right": sum(right.values()),
        "by_chance": round(sum(len(best) / len(FAMILIES) for best in winners.values()), 1),
        "always": {family: sum(family in best for best in winners.values()) for family in FAMILIES},
        "wrong": [name for name, hit in right.items() if not hit],
    }


def winners_of(pair: dict[str, Any]) -> list[str]:
    """The families whose best method is within a point of the best of all."""
    best = {
        family: max(pair["methods"][name]["served"]["accuracy"] for name in names) for family, names in FAMILIES.items()
    }
    return [family for family, accuracy in best.items() if accuracy >= max(best.values()) - CLOSE]


def harm(data: Path, embedder: Embedder, seed: int) -> dict[str, Any]:
    """How many planted sources, and how many honest ones, are called harmful: 300 source and 150 target examples each.

    Honest pairs are all pairs of styles, office and digits; unrelated sources are other sets under the target's names.
    """
    sets = {name: SETS[name][0](data / SETS[name][1], seed) for name in ("styles", "office_caltech10", "digits")}
    backbone = find_backbone(None, "image")
    where = [(of, name) for of, domains in sets.items() for name in domains]
    honest = [(a, b) for a, b in itertools.permutations(where, 2) if a[0] == b[0]]
    strange = [(a, b) for a, b in itertools.permutations(where, 2) if a[0] != b[0]]
    rng, said = np.random.default_rng(seed), dict.fromkeys(("permuted", "shuffled", "unrelated", "honest"), 0)
    for kind in said:
        for _ in range(CASES):
            listed = strange if kind == "unrelated" else honest
            a, b = listed[rng.integers(len(listed))]
            source, target = (sets[of][name] for of, name in (a, b))
            source, target = (d.take(rng.permutation(len(d))[:n]) for d, n in ((source, 300), (target, 150)))
            target = target if kind == "unrelated" else numbered_as(target, source)
            classes, known = target.classes, target.y
            labels = planted(source.y, kind, len(classes), rng)
            said[kind] += called_harmful(source, labels, target, known, classes, backbone, embedder, seed)
        print("harm", kind, said[kind], flush=True)
    return {"cases_of_each": CASES, "called_harmful": said}


def planted(y: np.ndarray, kind: str, classes: int, rng: np.random.Generator) -> np.ndarray:
    """The source's labels with the fault: names moved on by a number, dealt out by chance, or as they are."""
    if kind == "permuted":
        return (y + rng.integers(1, classes)) % classes
    if kind == "shuffled":
        return rng.permutation(y)
    return rng.permutation(classes)[y % classes] if kind == "unrelated" else y


def called_harmful(
    source: Domain,
    labels: np.ndarray,
    target: Domain,
    known: np.ndarray,
    classes: tuple[str, ...],
    backbone: Any,
    embedder: Embedder,
    seed: int,
) -> bool:
    """Whether labels that came later call the source harmful."""
    source = replace(source, labels=labels, problem=Classes(classes))
    task = Task(source, None, backbone, embedder, seed)
    alone = LinearProbe(Cs=(1.0,)).fit(task)
    seen = task.embed(target)
    said = source_worth(seen, Answers(known, classes), alone.head.outputs(seen.features), backbone, seed=seed)[1]
    return bool(said)


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = ["styles", "amazon_reviews", "zh_shopping10", "office_caltech10", "digits", "halves", "harm"]
    parser.add_argument("names", nargs="*", default=everything)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    embedder, written = Embedder(FeatureStore()), RESULTS / "fit_to_serve.json"
    for name in args.names:
        if name == "harm":
            told = harm(args.data, embedder, args.seed)
        else:
            asked, found = SETS[name][2] if name in SETS else Asked(), {}
            for of, source, target in pairs(name, args.data, args.seed):
                found[of] = one_pair(source, target, embedder, asked, args.seed)
                print(name, of, found[of]["auto"], found[of]["family"], winners_of(found[of]), flush=True)
            told = {"summary": summary(found), "pairs": found}
            print(name, json.dumps(told["summary"]), flush=True)
        figures = json.loads(written.read_text())["figures"] if written.exists() else {}
        record("fit_to_serve", figures | {name: told | {"command": command()}})


if __name__ == "__main__":
    main()
