"""Choosing C over 10 values and 5 folds: seconds, choice and accuracy, against scikit-learn's LogisticRegressionCV.

    python benchmarks/solver.py [--synthetic]      writes benchmarks/results/solver.json

Both solve the same problem: the same centred and scaled features, the same grid, the same folds, the same score
(log-loss). Both get float32, which is scikit-learn's faster case, and whatever threads they take by default.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV

from record import DATA, record
from transferium.data.read import read
from transferium.data.split import divide, folds
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.calibration import fit_temperature
from transferium.functional.logistic import fit_path
from transferium.methods.frozen.linear_probe import GRID
from transferium.models.catalogue import find_backbone

Features = NDArray[np.float32]
Table = tuple[Features, NDArray[np.int64], Features, NDArray[np.int64]]


def real(name: str) -> Table:
    """Train and held-out features of a data set by the bundled image backbone."""
    domain = read(DATA / name)
    seen = Embedder(FeatureStore())(domain, find_backbone(None, domain.kind))[0]
    embedded = domain.embedded(seen.features).take(seen.ok)
    parts = divide(embedded, seed=0)
    train, test = embedded.take(parts.train), embedded.take(parts.test)
    return train.features, train.y, test.features, test.y


def synthetic(n: int, width: int, classes: int, spread: float) -> Table:
    """Clouds under noise whose variances fall like a network's: the k-th of a rotated basis as 1 / k."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(width, width)))[0] / np.sqrt(np.arange(1, width + 1))[:, None]
    means = rng.normal(size=(classes, width)) * spread
    y = rng.integers(0, classes, n + n // 5)
    X = ((means[y] + rng.normal(size=(len(y), width))) @ basis).astype(np.float32)
    return X[:n], y[:n], X[n:], y[n:]


def ours(table: Table, fold: NDArray[np.int64]) -> dict[str, Any]:
    X, y, Z, z = table
    begin = time.perf_counter()
    path = fit_path(X, y, int(y.max()) + 1, GRID, fold)
    chosen = int(path.log_loss.mean(axis=1).argmin())
    fit_temperature(path.oof_logits[chosen], y)
    seconds = time.perf_counter() - begin
    accuracy = float(((Z @ path.coef[chosen].T + path.intercept[chosen]).argmax(axis=1) == z).mean())
    return {
        "seconds": round(seconds, 3),
        "C": float(path.Cs[chosen]),
        "log_loss": float(path.log_loss[chosen].mean()),
        "accuracy": accuracy,
        "all_converged": bool(path.converged.all()),
    }


def theirs(table: Table, fold: NDArray[np.int64]) -> dict[str, Any]:
    X, y, Z, z = table
    middle = X.mean(axis=0)
    scale = np.sqrt(((X - middle) ** 2).sum(axis=1).mean())
    X, Z = (X - middle) / scale, (Z - middle) / scale
    cv = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(int(fold.max()) + 1)]
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegressionCV(Cs=GRID, cv=cv, scoring="neg_log_loss", use_legacy_attributes=False).fit(X, y)
    seconds = time.perf_counter() - begin
    return {
        "seconds": round(seconds, 3),
        "C": float(model.C_),
        "log_loss": float(-model.scores_.mean(axis=0).max()),
        "accuracy": float((model.predict(Z) == z).mean()),
    }


def compare(table: Table) -> dict[str, Any]:
    """Ours, theirs, ours again: the slower of our two runs counts."""
    fold = folds(table[1], k=5, seed=0)
    first, peer, second = ours(table, fold), theirs(table, fold), ours(table, fold)
    slower = max(first, second, key=lambda run: run["seconds"])
    shape = {"examples": len(table[1]), "width": table[0].shape[1], "classes": int(table[1].max()) + 1}
    ratio = slower["seconds"] / peer["seconds"]
    return shape | {"ours": slower, "sklearn": peer, "seconds_ratio": round(ratio, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", action="store_true", help="made-up features even where the data sets are there")
    args = parser.parse_args()
    made = {"10 classes": synthetic(10_000, 1280, 10, 0.12), "2 classes": synthetic(244, 1280, 2, 0.12)}
    tables = {f"synthetic, {name}": table for name, table in made.items()}
    if not args.synthetic and Path(DATA).exists():
        tables |= {name: real(name) for name in ("cifar10_subset", "hymenoptera")}
    record("solver", {name: compare(table) for name, table in tables.items()})


if __name__ == "__main__":
    main()
