"""Pretrain on a source's labels, then fine-tune on a few of the target's: USPS -> MNIST, Office amazon -> webcam.

Three networks of one architecture (EfficientNet-Lite0) learn from the same 5 or 20 target labels a class: the one that
came (untuned), that of a run on the source, as in ``fit TARGET --backbone RUN`` (tuned source), and random weights
(from scratch). A probe on the first two stands beside. Settings are the defaults but for the number of epochs. Copies
are left out; what is not drawn is the test of that draw (at most 2,000 examples). Differences are of the same draws.

python benchmarks/tuned_source.py
python benchmarks/tuned_source.py --draws 2 --source-epochs 1 --epochs 1 --shots 5 --most 100 --dry
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import transferium as tm
from record import DATA, record
from transferium.artifact import Artifact
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.job.few_shots.draw_shots import draw_shots
from transferium.job.run_backbone import named_backbone
from transferium.methods.catalogue import find_method
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

PAIRS = {
    "usps to mnist": ("digits/usps", "digits/mnist", 64),
    "amazon to webcam": ("office_caltech10/amazon", "office_caltech10/webcam", 96),
}
"""Source, target, and the side at which pictures are read."""
WAYS = {
    "untuned": ("as it came", "finetune"),
    "tuned source": ("tuned", "finetune"),
    "from scratch": ("as it came", "scratch"),
    "untuned, probe": ("as it came", "probe"),
    "tuned source, probe": ("tuned", "probe"),
}


def without_copies(path: Path, most: int | None) -> Domain:
    """At most so many examples in random order, each content once."""
    domain = tm.read(path)
    once = np.unique(scan(domain).keys, return_index=True)[1]
    return domain.take(np.random.default_rng(0).permutation(once)[:most])


def fitted(method: str, train: Domain, backbone: Backbone, seed: int, epochs: int) -> Fitted:
    settings = {} if method == "probe" else {"epochs": epochs}
    return find_method(method, settings).fit(Task(train, None, backbone, Embedder(None, engine="torch"), seed))


def accuracy(model: Fitted, test: Domain) -> float:
    seen = Embedder(None, engine="torch")(test, model.backbone)[0].features
    return float((model.head.outputs(seen).argmax(axis=1) == test.y).mean())


def measured(asked: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    """Accuracy of each way by draw, and its difference to the untuned network in points."""
    source, target, side = PAIRS[name]
    there, here = without_copies(asked.data / source, asked.most), without_copies(asked.data / target, None)
    networks = {"as it came": tm.find_backbone(None, "image", size=side)}
    tuned = fitted("finetune", there, networks["as it came"], 0, asked.source_epochs)
    Artifact(tuned.backbone, tuned.head, there.posed, {}).save(folder)
    networks["tuned"] = named_backbone(folder, "image", size=side)
    found: dict[str, Any] = {"source examples": len(there), "side": side}
    for shots in map(int, asked.shots.split(",")):
        each: dict[str, list[float]] = {way: [] for way in WAYS}
        for draw in range(asked.draws):
            few = draw_shots(here, shots, seed=0, draw=draw)
            test = here.take(np.setdiff1d(np.arange(len(here)), few)[: asked.most or 2000])
            for way, (network, method) in WAYS.items():
                model = fitted(method, here.take(few), networks[network], draw, asked.epochs)
                each[way].append(accuracy(model, test))
            print(name, shots, draw, {way: round(values[-1], 3) for way, values in each.items()}, flush=True)
        found[f"{shots} labels a class"] = {
            "test examples": len(test),
            "accuracy": {way: spread(values) for way, values in each.items()},
            "tuned source minus untuned": spread(np.subtract(each["tuned source"], each["untuned"]).tolist()),
            "tuned source minus from scratch": spread(np.subtract(each["tuned source"], each["from scratch"]).tolist()),
        }
    return found


def spread(values: list[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 4), "least": min(values), "most": max(values), "draws": values}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default=",".join(PAIRS))
    parser.add_argument("--shots", default="5,20")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--source-epochs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--most", type=int, default=None, help="at most so many examples of the source and of a test")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    begin = time.process_time()
    for name in asked.pairs.split(","):
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = measured(asked, name, Path(folder) / "run")
    record("tuned_source", figures | {"cpu_seconds": round(time.process_time() - begin)}, dry=asked.dry)


if __name__ == "__main__":
    main()
