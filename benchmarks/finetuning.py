"""Fine-tuning on four questions; every choice is made on training examples, the test part is read once, at the end.

python benchmarks/finetuning.py [hymenoptera cifar10_subset low_label shift] [--methods a,b] [--seeds 5]

- ``hymenoptera``: the probe, fine-tuning, LP-FT and random weights with ``efficientnet_lite0`` at 224, 5 seeds.
- ``cifar10_subset``: probe, partial fine-tuning over a cached prefix, fine-tuning, LP-FT; accuracy, seconds, memory.
- ``low_label``: 5, 10, 20 and 50 examples a class of ``cifar10_subset``; every method of ``--methods``.
- ``shift``: linear probe, fine-tuning and LP-FT in and out of distribution.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, RESULTS, command, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import TransferiumError
from transferium.functional.bootstrap import paired_interval
from transferium.job.fit.prepare import prepare, separate
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.class_evaluation import evaluate

LOW_LABEL = "probe,finetune,lp-ft,l2-sp,delta,bss,co-tuning,bi-tuning"
#: Chosen by held-out log-loss after two epochs on 3,200 training examples at 96 pixels, never on the test part.
TUNED: dict[str, Any] = {"lr": 5e-4, "layer_decay": 0.9}

#: For longer training: without it held-out log-loss was best after five of eleven epochs.
HELD_BACK: dict[str, Any] = {
    "val_share": 0.1,
    "augment": "medium",
    "mixup": 0.2,
    "drop_path": 0.1,
    "average": "ema",
    "ema_decay": 0.995,
    "best_epoch": "accuracy",
}
#: For the longest: less is held out.
LONGER: dict[str, Any] = TUNED | {"head_lr": 5e-4} | HELD_BACK | {"val_share": 0.05}
#: Chosen on 2,000 of the training images. The last epoch is kept: 500 held-out images cannot tell the last ones apart.
MIXED: dict[str, Any] = LONGER | {"cutmix": 1.0, "lr": 3e-4, "best_epoch": "last"}
#: Chosen on the same images: whole pictures a fifth larger than in training, and their mirror images.
ANSWERED: dict[str, Any] = LONGER | {"lr": 3e-4, "best_epoch": "last", "answer_size": 192, "mirror": True}


@dataclass(frozen=True)
class Trial:
    """One method on one training set, evaluated on named test sets."""

    method: str
    settings: dict[str, Any]
    train: Domain
    tests: dict[str, Domain]
    size: int
    seed: int
    groups: Any = None


def attempt(trial: Trial) -> dict[str, Any]:
    """Fit and evaluate; what failed says why. Seconds are of fitting alone, memory is the process's peak.

    Beside the wall's clock stands the processor's, over all cores: it means the same on a machine that does other work.
    The peak is that of this fit alone only where the process is its own (:func:`apart`).
    """
    backbone = find_backbone(None, trial.train.kind, size=trial.size)
    embedder = Embedder(FeatureStore())
    task = Task(trial.train, None, backbone, embedder, trial.seed, groups=trial.groups)
    begin, cpu = time.perf_counter(), time.process_time()
    try:
        fitted = find_method(trial.method, trial.settings).fit(task)
    except TransferiumError as error:
        return {"failed": str(error)}
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    # A tuned backbone is used once: running it eagerly is cheaper than exporting it.
    once = task if trial.method == "probe" else replace(task, embedder=Embedder(None, engine="torch"))
    found = {name: score(fitted, once, test) for name, test in trial.tests.items()}
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "chosen": fitted.selection.chosen,
        "tests": found,
    }


def score(fitted: Fitted, task: Task, test: Domain) -> dict[str, Any]:
    """Accuracy with its interval, log-loss, and which examples were answered rightly."""
    answers = fitted.head.outputs(task.embed(test, fitted.backbone).features)
    measured = evaluate(test.y, answers, test.classes, seed=task.seed, groups=test.groups)
    right = np.asarray(answers.argmax(1) == test.y)
    return {name: measured[name].as_dict() for name in ("accuracy", "log_loss")} | {"right": right}


def apart(trial: Trial) -> dict[str, Any]:
    """:func:`attempt` in a process of its own, so that memory is its own and threads start afresh."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(attempt, (trial,))
    return found


def over_seeds(
    trials: Callable[[int], dict[str, Trial]], seeds: int, run: Callable[[Trial], dict[str, Any]] = attempt
) -> dict[str, Any]:
    """Every named trial under every seed, the mean over seeds, and the paired difference to the probe.

    The interval of a difference resamples test examples, each with its mean over seeds: what another test set of this
    kind would give.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    for seed in range(seeds):
        for name, trial in trials(seed).items():
            found = run(trial)
            runs.setdefault(name, []).append(found)
            print(name, seed, found.get("failed") or _shown(found), found.get("seconds"), flush=True)
    return {name: _summary(each, runs["probe"]) for name, each in runs.items()}


def _shown(found: dict[str, Any]) -> dict[str, float]:
    return {name: round(100 * test["accuracy"]["value"], 1) for name, test in found["tests"].items()}


def _summary(runs: list[dict[str, Any]], probes: list[dict[str, Any]]) -> dict[str, Any]:
    if any("failed" in run for run in runs):
        return {"failed": next(run["failed"] for run in runs if "failed" in run)}
    summary: dict[str, Any] = {
        "command": command(),
        "seconds": [run["seconds"] for run in runs],
        "cpu_seconds": [run["cpu_seconds"] for run in runs],
        "peak_mb": max(run["peak_mb"] for run in runs),
        "chosen": [run["chosen"] for run in runs],
    }
    for test in runs[0]["tests"]:
        accuracy = [run["tests"][test]["accuracy"]["value"] for run in runs]
        ours = np.concatenate([run["tests"][test]["right"] for run in runs])
        theirs = np.concatenate([run["tests"][test]["right"] for run in probes])
        examples = len(ours) // len(runs)
        # The same example under several seeds is one unit of the bootstrap.
        gain = paired_interval(ours, theirs, seed=0, groups=np.tile(np.arange(examples), len(runs)))
        summary[test] = {
            "by_seed": [round(100 * a, 2) for a in accuracy],
            "mean": round(100 * float(np.mean(accuracy)), 2),
            "sd": round(100 * float(np.std(accuracy, ddof=1)), 2) if len(accuracy) > 1 else None,
            "interval_seed_0": runs[0]["tests"][test]["accuracy"],
            "log_loss_mean": round(float(np.mean([run["tests"][test]["log_loss"]["value"] for run in runs])), 4),
            "minus_probe": {key: round(100 * value, 2) for key, value in gain.as_dict().items()},
        }
    return summary


def hymenoptera(data: Path, methods: list[str], seeds: int) -> dict[str, Any]:
    """The folder as the program sees it: the doctor's findings are set aside, ``val`` is the test part."""
    domain = read(data / "hymenoptera")
    embedder = Embedder(FeatureStore())
    prepared = prepare(domain, embedder, find_backbone(None, "image"), watch=Stopwatch())
    parts = separate(prepared, seed=0)

    def trials(seed: int) -> dict[str, Trial]:
        tests = {"test": parts.test}
        return {m: Trial(m, {}, parts.train, tests, 224, seed, parts.train.groups) for m in methods}

    return over_seeds(trials, seeds)


def cifar(data: Path) -> Domain:
    """The encoded images in memory, so that they can be sent to another process."""
    domain = read(data / "cifar10_subset")
    return replace(domain, samples=Items([domain.samples.raw(i) for i in range(len(domain))]))


def cifar10_subset(data: Path, methods: list[str], seeds: int, only: str = "") -> dict[str, Any]:
    """10,000 training images, read at 128, 160 or 224 pixels; beside the probe, the rows whose name holds ``only``."""
    domain = cifar(data)
    train, tests = domain.part("train"), {"test": domain.part("test")}
    rows = {
        "probe": ("probe", {}, 224),
        "probe at 128": ("probe", {}, 128),
        "last 3 of 11 blocks over a cached prefix, at 128": (
            "finetune",
            TUNED | {"unfreeze": 3, "cache": "on", "views": 2, "epochs": 8},
            128,
        ),
        "LP-FT at 128, 5 epochs": ("lp-ft", TUNED | {"head_lr": 5e-4, "epochs": 5}, 128),
        "LP-FT at 128, 11 epochs": ("lp-ft", TUNED | {"head_lr": 5e-4, "epochs": 11, "val_share": 0.1}, 128),
        "LP-FT at 128, 11 epochs, held back": ("lp-ft", TUNED | {"head_lr": 5e-4, "epochs": 11} | HELD_BACK, 128),
        "LP-FT at 160, 12 epochs, held back": ("lp-ft", TUNED | {"head_lr": 5e-4, "epochs": 12} | HELD_BACK, 160),
        "LP-FT at 224, 10 epochs, held back": ("lp-ft", LONGER | {"epochs": 10}, 224),
        "LP-FT at 128, 16 epochs, held back": ("lp-ft", LONGER | {"epochs": 16}, 128),
        "LP-FT, 17 epochs at 160, mixed": ("lp-ft", MIXED | {"epochs": 17}, 160),
        "LP-FT, 10 epochs at 160, answered at 192": ("lp-ft", ANSWERED | {"epochs": 10}, 160),
    }
    chosen = {name: row for name, row in rows.items() if row[0] in methods and (row[0] == "probe" or only in name)}

    def trials(seed: int) -> dict[str, Trial]:
        return {name: Trial(m, dict(s), train, tests, size, seed) for name, (m, s, size) in chosen.items()}

    return over_seeds(trials, seeds, apart)


def low_label(data: Path, methods: list[str], seeds: int, size: int = 48) -> dict[str, Any]:
    """A few examples a class, drawn anew by each seed; every method takes the same number of epochs."""
    domain = cifar(data)
    whole = domain.part("train")
    rng = np.random.default_rng(0)
    some = domain.part("test").take(np.sort(rng.permutation(len(domain.part("test")))[:1000]))
    figures: dict[str, Any] = {}
    for each, epochs in ((5, 30), (10, 30), (20, 20), (50, 12)):

        def trials(seed: int, each: int = each, epochs: int = epochs) -> dict[str, Trial]:
            draw = np.random.default_rng([seed, each])
            at = np.concatenate([draw.permutation(np.flatnonzero(whole.y == k))[:each] for k in range(10)])
            train = whole.take(np.sort(at))
            return {m: Trial(m, _budget(m, epochs), train, {"test": some}, size, seed) for m in methods}

        figures[f"{each} a class"] = {"epochs": epochs, "size": size, "methods": over_seeds(trials, seeds)}
    return figures


def _budget(method: str, epochs: int) -> dict[str, Any]:
    return {} if method == "probe" else {"epochs": epochs}


def shift(data: Path, methods: list[str], seeds: int) -> dict[str, Any]:
    """Trained on one domain; tested on held-out examples of it and on domains it never saw."""
    mnist = read(data / "digits" / "mnist")
    even = mnist.take(np.flatnonzero([int(Path(name).stem) % 2 == 0 for name in mnist.ids]))
    drawn = np.random.default_rng(0).permutation(len(even))
    digits = {"in": even.take(np.sort(drawn[2000:3000]))}
    for name in ("usps", "mnist_textured"):
        other = read(data / "digits" / name)
        digits[name] = other.take(np.sort(np.random.default_rng(0).permutation(len(other))[:1000]))
    amazon, webcam = (read(data / "office_caltech10" / name) for name in ("amazon", "webcam"))
    shuffled = np.random.default_rng(0).permutation(len(amazon))
    office = {"in": amazon.take(np.sort(shuffled[700:])), "webcam": webcam}

    def trials(train: Domain, tests: dict[str, Domain], size: int, seed: int) -> dict[str, Trial]:
        # Digits are not what they are when mirrored.
        settings: dict[str, Any] = {"augment": "none"} if "usps" in tests else {}
        return {m: Trial(m, {} if m == "probe" else settings, train, tests, size, seed) for m in methods}

    train_digits, train_office = even.take(np.sort(drawn[:2000])), amazon.take(np.sort(shuffled[:700]))
    return {
        "mnist": over_seeds(lambda seed: trials(train_digits, digits, 64, seed), seeds),
        "office amazon": over_seeds(lambda seed: trials(train_office, office, 128, seed), seeds),
    }


PARTS: dict[str, tuple[Callable[..., dict[str, Any]], str, int]] = {
    "hymenoptera": (hymenoptera, "probe,finetune,lp-ft,scratch", 5),
    "cifar10_subset": (cifar10_subset, "probe,finetune,lp-ft", 1),
    "low_label": (low_label, LOW_LABEL, 5),
    "shift": (shift, "probe,finetune,lp-ft", 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(PARTS))
    parser.add_argument("--methods", help="names with commas between; the probe is always there")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--only", help="of cifar10_subset, the rows whose name holds this")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    if args.only is not None and args.names != ["cifar10_subset"]:
        parser.error("--only picks rows of cifar10_subset: name that alone")
    for name in args.names:
        part, methods, seeds = PARTS[name]
        asked = list(dict.fromkeys(["probe", *(args.methods or methods).split(",")]))
        only = {} if args.only is None else {"only": args.only}
        found = part(args.data, asked, args.seeds or seeds, **only)
        written = RESULTS / "finetuning.json"
        figures = json.loads(written.read_text())["figures"] if written.exists() else {}
        # Rows that were not asked for stay as they were measured, each with its command.
        record("finetuning", figures | {name: figures.get(name, {}) | found})


if __name__ == "__main__":
    main()
