"""The probe on three data sets, beside scikit-learn's LogisticRegression on the same features and the same folds.

python benchmarks/probe.py [cifar10_subset trec sst2]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import folds
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.job.fit.prepare import prepare, separate
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.models.catalogue import find_backbone


def sklearn_accuracy(train: Domain, test: Domain, seed: int, grid: tuple[float, ...]) -> dict[str, Any]:
    """Best C by out-of-fold log-loss over the same folds, refitted on train, evaluated on test."""
    scale = float(np.sqrt((train.features - train.features.mean(0)).__pow__(2).sum(1).mean()))
    x, z, y = train.features / scale, test.features / scale, train.y
    fold = folds(y, k=5, seed=seed, groups=train.groups)
    losses = []
    for c in grid:
        by_fold = []
        for k in np.unique(fold):
            model = LogisticRegression(C=c, max_iter=300).fit(x[fold != k], y[fold != k])
            by_fold.append(log_loss(y[fold == k], model.predict_proba(x[fold == k]), labels=range(len(train.classes))))
        losses.append(float(np.mean(by_fold)))
    best = grid[int(np.argmin(losses))]
    model = LogisticRegression(C=best, max_iter=1000).fit(x, y)
    return {
        "accuracy": float(model.score(z, test.y)),
        "C": best,
        "by_C": dict(zip(map(str, grid), losses, strict=True)),
    }


def measure(name: str, data: Path, embedder: Embedder, scratch: Path) -> dict[str, Any]:
    """Both on one data set."""
    domain = read(data, text="text", label="label") if name in ("trec", "sst2") else read(data)
    run = fit_job(domain, FitOptions(out=scratch / name, method=find_method("probe", {})), embedder, Stopwatch())
    prepared = prepare(domain, embedder, find_backbone(None, domain.kind), watch=Stopwatch())
    parts = separate(prepared, seed=0)
    backbone = find_backbone(None, domain.kind)
    train, test = (p.embedded(embedder(p, backbone)[0].features) for p in (parts.train, parts.test))
    begin = time.perf_counter()
    grid = tuple(c["C"] for c in run["selection"]["candidates"])
    peer = sklearn_accuracy(train, test, 0, grid)
    ours = run["test"]["accuracy"]
    return {
        "examples": {"train": len(train), "test": len(test)},
        "accuracy": ours,
        "no_transfer": run["references"]["no_transfer"]["accuracy"],
        "chosen": run["selection"]["chosen"],
        "sklearn": peer | {"seconds": round(time.perf_counter() - begin, 1)},
        "difference_points": round(100 * (ours["value"] - peer["accuracy"]), 2),
        "fit_s": run["seconds"]["fit"],
        "embed_s": run["seconds"]["embed"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["cifar10_subset", "trec", "sst2"])
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.names:
            figures[name] = measure(name, args.data / name, Embedder(FeatureStore()), Path(scratch))
            print(name, json.dumps(figures[name]), flush=True)
    record("probe", figures)


if __name__ == "__main__":
    main()
