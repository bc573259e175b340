"""Several labels and amounts: the probe beside scikit-learn's one-vs-rest logistic regression and ridge.

Both get the same features, parts and folds, and choose their penalty from the same grid by the same out-of-fold loss.

python benchmarks/problems.py [genres diabetes years]
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, mean_absolute_error
from sklearn.multiclass import OneVsRestClassifier

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import folds
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.job.fit.judge import judge
from transferium.job.fit.prepare import prepare, separate, with_columns_of
from transferium.job.stopwatch import Stopwatch
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone, randomised
from transferium.problems.multi_label import MultiLabel

THIRD = 3
"""Every third film of MovieLens is enough, and takes a third of the time."""


def films(data: Path) -> list[dict[str, str]]:
    with (data / "movielens_small" / "movies.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))[::THIRD]


def genres(data: Path) -> Domain:
    """Titles of films, with their genres."""
    rows = [row for row in films(data) if row["genres"] != "(no genres listed)"]
    return read([r["title"] for r in rows], label=[r["genres"] for r in rows], problem="multi-label", name="genres")


def years(data: Path) -> Domain:
    """Titles of films without their year, with the year."""
    found = [(row["title"], re.search(r"\s*\((\d{4})\)\s*$", row["title"])) for row in films(data)]
    pairs = [(title[: year.start()], float(year[1])) for title, year in found if year]
    return read([t for t, _ in pairs], label=[y for _, y in pairs], kind="text", problem="regression", name="years")


def diabetes(_data: Path) -> Domain:
    """scikit-learn's diabetes table."""
    X, y = load_diabetes(return_X_y=True)
    return read(X, label=y, problem="regression", name="diabetes")


SETS: dict[str, Callable[[Path], Domain]] = {"genres": genres, "diabetes": diabetes, "years": years}


def of_scikit_learn(train: Domain, test: Domain, grid: list[float], seed: int) -> dict[str, Any]:
    """The best penalty of ``grid`` by out-of-fold loss over the probe's folds, refitted on train, evaluated on test."""
    problem, several = train.posed, isinstance(train.posed, MultiLabel)
    scale = float(np.sqrt(((train.features - train.features.mean(0)) ** 2).sum(1).mean()))
    x, z, y = train.features / scale, test.features / scale, train.y
    fold = folds(problem.strata(y), k=5, seed=seed, groups=train.groups)

    def fitted(c: float, at: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        if several:
            model = OneVsRestClassifier(LogisticRegression(C=c, solver="newton-cholesky", tol=1e-8)).fit(x[at], y[at])
            return model.predict_proba
        return Ridge(alpha=1 / c).fit(x[at], y[at]).predict

    losses = []
    for c in grid:
        by_fold = []
        for k in np.unique(fold):
            told, truth = fitted(c, fold != k)(x[fold == k]), y[fold == k]
            p = np.clip(told, 1e-12, 1 - 1e-12)
            loss = (
                -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)) if several else np.mean((told - truth) ** 2)
            )
            by_fold.append(float(loss))
        losses.append(float(np.mean(by_fold)))
    best = grid[int(np.argmin(losses))]
    told = fitted(best, np.ones(len(y), bool))(z)
    if several:
        return {"C": best, "micro_f1": float(f1_score(test.y, told >= 0.5, average="micro", zero_division=0))}
    return {"C": best, "mae": float(mean_absolute_error(test.y, told))}


def measure(name: str, data: Path, embedder: Embedder) -> dict[str, Any]:
    """The probe with intervals and references, and scikit-learn on the same features."""
    domain = SETS[name](data)
    backbone = find_backbone(None, domain.kind)
    random = randomised(backbone) if backbone.pretrained else None
    beside = () if random is None else (random,)
    prepared = prepare(domain, embedder, backbone, beside, watch=Stopwatch())
    parts = separate(prepared, seed=0)
    prepared = with_columns_of(prepared, parts.train)
    task = Task(parts.train, None, prepared.backbone, embedder, 0, groups=parts.train.groups)
    method = LinearProbe()
    fitted = method.fit(task)
    judged = judge(fitted, method, task, parts.test, random)
    train, test = task.embed(parts.train), task.embed(parts.test)
    peer = of_scikit_learn(train, test, [row["C"] for row in fitted.selection.candidates], 0)
    headline = parts.train.posed.headline
    return {
        "examples": {"train": len(train), "test": len(test)},
        "headline": headline,
        "probe": judged.evaluation.metrics_as_dict(),
        "references": {name: e[headline].as_dict() for name, e in judged.references.items()},
        "verdict": judged.verdict.sentence,
        "chosen": fitted.selection.chosen,
        "sklearn": peer,
        "difference": judged.evaluation[headline].value - peer[headline],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    record("problems", {name: measure(name, args.data, Embedder(FeatureStore())) for name in args.names})


if __name__ == "__main__":
    main()
