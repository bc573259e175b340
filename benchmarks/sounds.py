"""Spoken digits through a backbone for images: probe, random weights, fine-tuning, and a speaker who was never heard.

python benchmarks/sounds.py [digits tuned speakers settings] [--data FOLDER] [--seeds 0] [--short]

``digits`` and ``tuned`` learn from 20 recordings of each digit and speaker and measure the official test part (00 to
04 of each). ``speakers`` learns from five speakers and answers for the sixth, six times, from source alone and as
``auto`` adapts it without labels. ``settings`` compares ways to draw a recording on five folds of the training part
alone (by recording number, so that no test clip is touched): how the defaults were chosen. ``--short`` takes two
speakers. Seconds are those of all processor cores together, which a busy machine does not lengthen.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.job.adapt.run import adapt_job
from transferium.job.fit.readable import choose_backbone
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TEST = 5
"""Recordings 00 to 04 of each speaker and digit are the official test part."""
TUNING = {"epochs": 3, "lr": 3e-4, "head_lr": 3e-4}
"""Few epochs, for a machine of two shared cores; no test clip chose them."""
WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "every 5 ms": {"step": 5.0},
    "every 2 ms": {"step": 2.0},
    "windows of 32 ms": {"window": 32.0},
}


def spoken(folder: Path, names: tuple[str, ...] = SPEAKERS) -> Domain:
    """All recordings of some speakers, with the official test part."""
    paths = [path for name in names for path in sorted(folder.glob(f"{name}/*/*.wav"))]
    parts = ["test" if number(path) < TEST else "train" for path in paths]
    labels = [path.parent.name for path in paths]
    return read(paths, kind="sound", label=labels, part=parts, name="spoken_digits")


def number(path: Path) -> int:
    return int(path.stem.rsplit("_", 1)[1])


def fitted(domain: Domain, method: str, seed: int, **settings: Any) -> tuple[dict[str, Any], float]:
    """What one job wrote into ``metrics.json``, and its seconds; nothing is kept from earlier jobs."""
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        options = FitOptions(Path(out) / "run", find_method(method, settings), seed=seed)
        run = fit_job(domain, options, Embedder(None), Stopwatch())
    return run, time.process_time() - begin


def shown(figures: dict[str, Any], name: str = "accuracy") -> dict[str, float]:
    return {key: round(float(figures[name][key]), 4) for key in ("value", "low", "high")}


def digits(names: tuple[str, ...], folder: Path, seeds: list[int]) -> dict[str, Any]:
    """The probe on the official test part, beside random weights, and what the job costs."""
    domain = spoken(folder, names)
    backbone, _ = choose_backbone(None, domain)
    begin = time.process_time()
    Embedder(None)(domain, backbone)
    once = time.process_time() - begin
    run, seconds = fitted(domain, "probe", seeds[0])
    return {
        "train": run["division"]["train"],
        "test": run["division"]["test"],
        "probe": shown(run["test"]),
        "random weights": shown(run["references"]["no_transfer"]),
        "nearest mean": shown(run["references"]["nearest_mean"]),
        "verdict": run["verdict_sentence"],
        "seconds of decoding and embedding once": round(once, 1),
        "seconds of the job": round(seconds, 1),
        "times": round(seconds / once, 2),
    }


def tuned(names: tuple[str, ...], folder: Path, seeds: list[int]) -> dict[str, Any]:
    """LP-FT on the official test part."""
    found = {}
    for seed in seeds:
        run, seconds = fitted(spoken(folder, names), "lp-ft", seed, **TUNING)
        found[str(seed)] = {"lp-ft": shown(run["test"]), "seconds": round(seconds)}
    return found | {"settings": TUNING}


def speakers(names: tuple[str, ...], folder: Path, seeds: list[int]) -> dict[str, Any]:
    """Each speaker as a target without labels: source only and ``auto``."""
    found = {}
    with tempfile.TemporaryDirectory() as kept:
        embedder = Embedder(FeatureStore(Path(kept)))
        for name in names:
            target, sources = (replace(spoken(folder, n), parts=None) for n in ((name,), tuple(set_aside(names, name))))
            with tempfile.TemporaryDirectory() as out:
                options = FitOptions(Path(out) / "run", find_method("auto", {}), seed=seeds[0])
                run = adapt_job(pair_domains([sources], target), options, embedder, Stopwatch(), oracle=True)
            found[name] = {
                "source only": shown(run["references"]["source_only"]),
                "auto": shown(run["test"]),
                "chosen": run["method"],
                "verdict": run["verdict"],
            }
    for way in ("source only", "auto"):
        found[f"mean of {way}"] = round(float(np.mean([found[name][way]["value"] for name in names])), 4)
    return found


def set_aside(names: tuple[str, ...], name: str) -> list[str]:
    return [other for other in names if other != name]


def settings(names: tuple[str, ...], folder: Path, seeds: list[int]) -> dict[str, Any]:
    """Accuracy on five folds of the training part for each way to draw a recording."""
    train = spoken(folder, names).part("train")
    folds = np.array([number(Path(name)) % 5 for name in train.ids])
    backbone, _ = choose_backbone(None, train)
    found = {}
    for way, changes in WAYS.items():
        reads = replace(backbone, preprocess=replace(backbone.preprocess, **changes))
        embedder, right = Embedder(None), []
        embedder(train, reads)
        for fold in range(5):
            learned, held = train.take(folds != fold), train.take(folds == fold)
            head = LinearProbe().fit(Task(learned, None, reads, embedder, seeds[0])).head
            right += (head.predict(embedder(held, reads)[0].features) == held.y).tolist()
        found[way] = round(float(np.mean(right)), 4)
    return found


QUESTIONS: dict[str, Callable[[tuple[str, ...], Path, list[int]], dict[str, Any]]] = {
    "digits": digits,
    "tuned": tuned,
    "speakers": speakers,
    "settings": settings,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", default=["digits", "speakers"])
    parser.add_argument("--data", type=Path, default=DATA / "spoken_digits")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--short", action="store_true", help="two speakers, nothing recorded")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    names = SPEAKERS[:2] if given.short else SPEAKERS
    seeds = [int(seed) for seed in given.seeds.split(",")]
    for question in given.questions:
        found = QUESTIONS[question](names, given.data, seeds)
        record(f"sounds_{question}", found, dry=given.short)


if __name__ == "__main__":
    main()
