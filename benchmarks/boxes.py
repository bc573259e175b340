"""Boxes of raccoons: a detector behind a frozen backbone, from ImageNet and from random weights, over five divisions.

Of 200 photographs 160 teach and 40 measure; each seed divides them anew. Seconds are those of one fit: every view
embedded with no store, and the head trained, on the cores that the process may use.

python benchmarks/boxes.py [--short]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import divide
from transferium.embedding.embed import Embedder
from transferium.evaluation.references import answers_on
from transferium.methods.detection.detector import Detector
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone, randomised
from transferium.problems.evaluation import Evaluation

SEEDS, SHORT = range(5), {"epochs": 3, "views": 2}
FIGURES = ("ap50", "ap", "ar", "box_precision", "box_recall")


def one(domain: Domain, seed: int, method: Detector) -> dict[str, Any]:
    """Both detectors on one division, and how much better the first is."""
    parts = divide(domain, seed=seed, groups=domain.groups, test_size=0.2)
    train, test = domain.take(parts.train), domain.take(parts.test)
    outputs, figures = {}, {}
    backbone = find_backbone(None, "scene")
    for name, network in (("imagenet", backbone), ("random weights", randomised(backbone))):
        started = time.perf_counter()
        task = Task(train, None, network, Embedder(None), seed)
        fitted = method.fit(task)
        seconds = time.perf_counter() - started
        outputs[name], _ = answers_on(task, fitted, test)
        found: Evaluation = test.posed.evaluate(test.y, outputs[name], seed=seed)
        figures[name] = {figure: found[figure].as_dict() for figure in FIGURES}
        figures[name] |= {"mistakes": found.as_dict()["mistakes"], "seconds": round(seconds, 1)}
        print(f"seed {seed}, {name}: AP50 {found['ap50']}, AP {found['ap']}, {seconds:.0f} s", flush=True)
    gain = test.posed.compare(test.y, outputs["imagenet"], outputs["random weights"], seed=seed)
    return {"seed": seed, "train": len(train), "test": len(test), "difference": gain.as_dict()} | figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--short", action="store_true", help="one seed, three epochs in two views, and no file")
    given = parser.parse_args()
    domain = read(given.data / "raccoon", problem="boxes")
    keys = scan(domain).keys
    copies = np.unique(keys, return_inverse=True)[1]
    domain = Domain(
        domain.samples, "scene", domain.ids, domain.labels, domain.problem, groups=copies, keys=keys, name=domain.name
    )
    method = Detector(**SHORT) if given.short else Detector()
    runs = [one(domain, seed, method) for seed in (SEEDS[:1] if given.short else SEEDS)]
    summary = {
        name: {
            figure: {"mean": float(np.mean(values)), "least": float(min(values)), "most": float(max(values))}
            for figure in FIGURES
            if (values := [run[name][figure]["value"] for run in runs])
        }
        | {"seconds": max(run[name]["seconds"] for run in runs)}
        for name in ("imagenet", "random weights")
    }
    for name, figures in summary.items():
        means = {key: round(value["mean"], 3) for key, value in figures.items() if isinstance(value, dict)}
        print(name, means, f"{figures['seconds']:.0f} s")
    if not given.short:
        record("boxes", {"method": method.to_json(), "runs": runs, "summary": summary})


if __name__ == "__main__":
    main()
