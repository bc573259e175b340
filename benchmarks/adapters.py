"""Adapters against full fine-tuning of the bundled text backbone on SST-2: accuracy, seconds a step, memory, bytes.

python benchmarks/adapters.py [--methods finetune,lora] [--rows 1000] [--epochs 3] [--seeds 1] [--data DIR]

Each run is a process of its own, so that its peak of memory is its own. The dev part chooses the epoch, the test part
is read once. All methods have their default settings but for the number of epochs; ``--rows`` takes at most so many
random rows of each part. The paired difference to the first method resamples test examples.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, command, record
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.functional.bootstrap import paired_interval
from transferium.methods.catalogue import find_method
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone


@dataclass(frozen=True)
class Trial:
    """One method and seed."""

    method: str
    seed: int
    rows: int | None
    epochs: int
    data: Path


def attempt(trial: Trial) -> dict[str, Any]:
    """Fit on the training part, then answer the test part."""
    domain = read(trial.data / "sst2")
    draw = np.random.default_rng(0)
    parts = [domain.part(name) for name in ("train", "val", "test")]
    train, val, test = (part.take(np.sort(draw.permutation(len(part))[: trial.rows])) for part in parts)
    moments: list[float] = []
    task = Task(
        train,
        val,
        find_backbone(None, "text"),
        Embedder(None, engine="torch"),
        trial.seed,
        progress=lambda _name, _done, _total: moments.append(time.perf_counter()),
    )
    method = find_method(trial.method, {"epochs": trial.epochs})
    begin, cpu = time.perf_counter(), time.process_time()
    fitted = method.fit(task)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    answers = fitted.head.outputs(task.embed(test, fitted.backbone).features)
    total = sum(p.numel() for p in fitted.backbone.build().parameters())
    chosen, adapter = dict(fitted.selection.chosen), fitted.backbone.adapter
    return {
        "accuracy": round(100 * float((answers.argmax(1) == test.y).mean()), 2),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "step_seconds": round(float(np.median(np.diff(moments))), 4),
        "peak_mb": peak,
        "trainable": chosen.get("trainable_parameters", total),
        "parameters": chosen.get("parameters", total),
        "adapter_bytes": None if adapter is None else adapter.size_bytes,
        "chosen": chosen,
        "right": answers.argmax(1) == test.y,
    }


def apart(trial: Trial) -> dict[str, Any]:
    """:func:`attempt` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(attempt, (trial,))
    return found


def summary(runs: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    """The runs of one method, and the difference of accuracy to those of the first one in points."""
    ours, theirs = (np.concatenate([run["right"] for run in each]) for each in (runs, first))
    examples = np.tile(np.arange(len(ours) // len(runs)), len(runs))
    gain = paired_interval(ours, theirs, seed=0, groups=examples).as_dict()
    return {
        "command": command(),
        "accuracy": round(float(np.mean([run["accuracy"] for run in runs])), 2),
        "minus_first": {key: round(100 * value, 2) for key, value in gain.items()},
        "trainable_percent": round(100 * runs[0]["trainable"] / runs[0]["parameters"], 3),
        "runs": [{key: value for key, value in run.items() if key != "right"} for run in runs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default="finetune,lora,dora,ia3,bitfit,adapter,prefix,prompt")
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    trial = Trial("", 0, asked.rows, asked.epochs, asked.data)
    for name in asked.methods.split(","):
        for seed in range(asked.seeds):
            run = apart(replace(trial, method=name, seed=seed))
            found.setdefault(name, []).append(run)
            print(name, seed, {key: value for key, value in run.items() if key != "right"}, flush=True)
    first = next(iter(found.values()))
    name = "adapters" if asked.rows is None else f"adapters_{asked.rows}"
    record(name, {method: summary(runs, first) for method, runs in found.items()})


if __name__ == "__main__":
    main()
