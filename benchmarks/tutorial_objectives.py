"""The parts of ``tutorials.py`` on objectives: hidden tokens, next segments, denoising, maps and transfer terms."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import transferium as tm
from adaptation import measure, numbered_as
from pretraining import drawn, few_labels, pretrained, spread
from transferium.data.corpora.documents import TextCorpus
from transferium.data.corpora.sentences import sentences
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.bootstrap import interval_over_draws, mean_interval
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import find_method

Array = NDArray[Any]
WEIGHTS = (0.0, 1.0, 10.0, 100.0)
FEW = 3
"""Classes that the smaller target has."""


def percent(interval: Any) -> dict[str, float]:
    return {end: round(100 * value, 1) for end, value in interval.as_dict().items()}


def masked(asked: argparse.Namespace) -> dict[str, Any]:
    """A guesser that copies what it sees and says how often each word occurs where 15 % are hidden."""
    words = (asked.data / "lm_text" / "wikitext2_valid.txt").read_text(encoding="utf-8").split()
    cut = len(words) * 95 // 100
    seen = Counter(words[:cut])
    size, most = len(set(words)), seen.most_common(1)[0][0]
    cost = np.array([-np.log((seen[word] + 1) / (cut + size)) for word in words[cut:]])
    hit = np.array([word == most for word in words[cut:]])
    rows = []
    for seed in asked.seeds:
        hidden = np.random.default_rng(seed).random(len(cost)) < 0.15
        counted = cost[hidden].mean(), hit[hidden].mean()
        rows.append([*counted, np.where(hidden, cost, 0.0).mean(), np.where(hidden, hit, True).mean()])
    mean = np.mean(rows, axis=0)
    return {
        "words": len(words),
        "hidden words alone": {"loss": round(mean[0], 2), "accuracy": round(100 * mean[1], 1)},
        "all words": {"loss": round(mean[2], 2), "accuracy": round(100 * mean[3], 1)},
    }


def next_sentence(asked: argparse.Namespace) -> dict[str, Any]:
    """Two sentences and the two that follow them, or two of another document; nothing is learned but a threshold."""
    corpus = TextCorpus(asked.data / "lm_text" / "wikitext2_valid.txt")
    cut = [lines for document in corpus if len(lines := sentences(document)) >= 4]
    rng = np.random.default_rng(0)
    common: list[tuple[float, float]] = []
    for at, lines in enumerate(cut):
        start = int(rng.integers(len(lines) - 3))
        other = cut[(at + 1 + int(rng.integers(len(cut) - 1))) % len(cut)]
        there = int(rng.integers(len(other) - 1))
        first, follows = lines[start : start + 2], lines[start + 2 : start + 4]
        common.append((_common(first, follows), _common(first, other[there : there + 2])))
    half = len(common) // 2
    known = np.unique(common[:half])
    limit = max(known, key=lambda t: _told(common[:half], t).mean())
    right = _told(common[half:], limit)
    return {
        "pairs": len(right),
        "told by common words": percent(mean_interval(right, seed=0)),
    }


def _common(first: list[str], second: list[str]) -> float:
    """The share of the smaller segment's longer words that the other has, too."""
    a, b = ({w for w in " ".join(part).lower().split() if len(w) > 3} for part in (first, second))
    return len(a & b) / max(1, min(len(a), len(b)))


def _told(common: list[tuple[float, float]], limit: float) -> Array:
    return np.array([hit for follows, other in common for hit in (follows >= limit, other < limit)], float)


def denoising(asked: argparse.Namespace) -> dict[str, Any]:
    """In units of the variance about the mean picture: 1 is what drawing that picture costs."""
    import torch

    from transferium.objectives.self_supervised.denoising import corrupted

    domain = tm.read(asked.data / "digits" / "mnist")
    order = np.random.default_rng(0).permutation(len(domain))
    test, rest = domain.take(order[:2000]), domain.take(order[2000:])
    plain = tm.find_backbone("small_cnn", "image")
    x = torch.from_numpy(np.stack([_pixels(test, i, plain) for i in range(200)]))
    unit = (x - x.mean(0)).square().mean()
    found: dict[str, Any] = {"mean picture": 1.0}
    each: dict[str, list[float]] = {"no pretraining": []}
    labelled = {seed: drawn(rest, 10, seed) for seed in asked.seeds}
    for seed, train in labelled.items():
        each["no pretraining"].append(few_labels(plain, "probe", train, test, seed))
    for noise, strength in {"gaussian": 0.5, "warping": 0.9}.items():
        torch.manual_seed(0)
        as_it_is = float((corrupted(x, noise, strength) - x).square().mean() / unit)
        settings = {"epochs": 1 if asked.short else 4, "noise": noise, "strength": strength}
        with tempfile.TemporaryDirectory() as folder:
            facts = pretrained(rest.take(np.arange(4000)), "dae", settings, Path(folder) / "encoder")
            encoder = tm.find_backbone(Path(folder) / "encoder", "image")
            each[noise] = [few_labels(encoder, "probe", train, test, seed) for seed, train in labelled.items()]
        found[noise] = {"the noisy picture": round(as_it_is, 3), "the network": round(facts["held_out"]["dae"], 3)}
    return found | {"probe with 10 labels a class": {n: spread(v) if len(v) > 1 else v for n, v in each.items()}}


def _pixels(domain: Domain, at: int, backbone: Any) -> Array:
    from transferium.data.images.decode import decode

    raw = domain.samples.raw(at)
    return np.asarray(backbone.preprocess(decode(raw if isinstance(raw, bytes) else Path(raw).read_bytes(), None)))


def _office(asked: argparse.Namespace, seed: int, classes: int = 10) -> tuple[AdaptationTask, Domain]:
    """Amazon without and webcam with its labels, the latter in random order, cut to so many classes."""
    source, target = (tm.read(asked.data / "office_caltech10" / name) for name in ("amazon", "webcam"))
    truth = numbered_as(target, source)
    order = np.random.default_rng([seed, len(truth)]).permutation(len(truth))
    truth = truth.take(order[truth.y[order] < classes])
    backbone = tm.find_backbone(None, "image")
    return AdaptationTask(source, None, backbone, Embedder(FeatureStore()), seed, unlabeled=truth.unlabeled()), truth


def linear_map(asked: argparse.Namespace) -> dict[str, Any]:
    """``min ||A x_s - x_t||² + penalty ||A||²``, row by row as both loaders come, beside the methods here."""
    from sklearn.linear_model import LogisticRegression

    right: dict[str, list[Array]] = {}
    for seed in asked.seeds:
        task, truth = _office(asked, seed)
        again = np.argsort(truth.ids)  # each seed has another order of the same target

        def keep(name: str, hits: Array, again: Array = again) -> None:
            right.setdefault(name, []).append(hits[again])

        source = task.embed(task.train).features
        target = task.embed(truth).features
        order = np.random.default_rng(seed).permutation(len(source))
        a, b = source[order[: len(target)]].astype(float), target.astype(float)
        for penalty in (1.0, 1e3, 1e5):
            mapped = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
            head = LogisticRegression(max_iter=2000).fit(source @ mapped, task.train.y)
            keep(f"pairs as they come, penalty {penalty:g}", head.predict(target) == truth.y)
        for pairs in ("transport", "prototypes"):
            model = find_method("linear-map", {"pairs": pairs}).adapt(task)
            keep(f"linear-map, pairs={pairs}", measure(model, task, truth))
        keep("source-only", measure(find_method("source-only", {}).adapt(task), task, truth))
        print(seed, {name: round(hits[-1].mean(), 3) for name, hits in right.items()}, flush=True)
    return {name: percent(interval_over_draws(np.array(hits), seed=0)) for name, hits in right.items()}


def penalty(asked: argparse.Namespace) -> dict[str, Any]:
    """The weight of ``dan``'s term; ``auto`` chooses a method, and a strength where it has one, without labels."""
    found: dict[str, Any] = {}
    for classes in (10, FEW):
        right: dict[str, list[float]] = {}
        for seed in asked.seeds:
            task, truth = _office(asked, seed, classes)
            for name in ("source-only", "auto"):
                model = find_method(name, {}).adapt(task)
                right.setdefault(name, []).append(float(measure(model, task, truth).mean()))
            for weight in WEIGHTS[-1:] if asked.short else WEIGHTS:
                model = find_method("dan", {"weight": weight, "growth": "fixed"}).adapt(task)
                right.setdefault(f"weight {weight:g}", []).append(float(measure(model, task, truth).mean()))
            print(classes, seed, {name: round(values[-1], 3) for name, values in right.items()}, flush=True)
        found[f"{classes} classes in the target"] = {
            name: {"mean": round(100 * float(np.mean(v)), 1), "each": [round(100 * x, 1) for x in v]}
            for name, v in right.items()
        }
    return found
