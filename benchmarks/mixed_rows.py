"""Ratings of films from title, genres and statistics of user and film: one mixed row, and what each column adds.

MovieLens (latest small): 80 % of the ratings to train, 20 % to test, drawn at random. What a user and a film usually
get is measured on training ratings alone: for a training rating on the other four of five folds, for a test rating on
all of them, both drawn towards the mean of all as if by ``PRIOR`` more ratings. Counts are of training ratings too.
Every model is the same ridge, with a penalty of its own chosen inside the training part, asked about the same ratings.
Intervals are of users: the ratings of one are drawn together.

python benchmarks/mixed_rows.py [--draws 3] [--short]
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.evaluation.gradient_boosting import boost
from transferium.evaluation.references import answers_on
from transferium.job.fit.readable import choose_backbone
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import randomised
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.mixed.mixed_preprocess import MixedPreprocess

FOLDS, PRIOR, SHORT = 5, 5.0, 12_000
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""How much more than a column of numbers the title might weigh; 1 is what is done."""
PARTS = {
    "title": ["title"],
    "genres": ["genres"],
    "user statistics": ["user_mean", "user_count"],
    "film statistics": ["film_mean", "film_count"],
}
"""What is left out at a time; each of their columns is also measured alone."""


def usual(who: NDArray[Any], rating: NDArray[Any], given: NDArray[Any], asked: NDArray[Any]) -> NDArray[Any]:
    """The mean rating of each of ``who`` at ``asked``, by the ratings ``given``; drawn towards the mean of all."""
    n = int(who.max()) + 1
    sums = np.bincount(who[given], rating[given], minlength=n)
    counts = np.bincount(who[given], minlength=n)
    means = (sums + PRIOR * rating[given].mean()) / (counts + PRIOR)
    return np.asarray(means[who[asked]])


def statistics(who: NDArray[Any], rating: NDArray[Any], train: NDArray[Any], fold: NDArray[Any]) -> dict[str, Any]:
    """Mean and count for each rating, from training ratings that are not of its own fold."""
    mean = np.zeros(len(who))
    mean[~train] = usual(who, rating, np.flatnonzero(train), np.flatnonzero(~train))
    for k in range(FOLDS):
        others, own = np.flatnonzero(train & (fold != k)), np.flatnonzero(train & (fold == k))
        mean[own] = usual(who, rating, others, own)
    return {"mean": mean, "count": np.bincount(who[train], minlength=int(who.max()) + 1)[who]}


def rows(folder: Path, seed: int, most: int | None) -> tuple[Domain, NDArray[np.int64]]:
    """The ratings as mixed rows in two parts, and the users of the test ratings."""
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        films = {row["movieId"]: row for row in csv.DictReader(file)}
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        ratings = list(csv.DictReader(file))
    draw = np.random.default_rng(seed)
    ratings = [ratings[i] for i in np.sort(draw.permutation(len(ratings))[:most])]
    rating = np.array([float(row["rating"]) for row in ratings])
    train, fold = draw.random(len(ratings)) < 0.8, draw.integers(FOLDS, size=len(ratings))
    table: dict[str, Any] = {name: [films[row["movieId"]][name] for row in ratings] for name in ("title", "genres")}
    for called, key in (("user", "userId"), ("film", "movieId")):
        who = np.unique([row[key] for row in ratings], return_inverse=True)[1]
        table |= {f"{called}_{name}": one for name, one in statistics(who, rating, train, fold).items()}
    table |= {"rating": rating, "part": np.where(train, "train", "test")}
    users = np.array([int(row["userId"]) for row in ratings])[~train]
    domain = read(
        table,
        label="rating",
        part="part",
        types={"title": "text", "genres": "category"},
        problem="regression",
        name="movielens",
    )
    return domain, users


def measured(seed: int, domain: Domain, users: NDArray[np.int64], embedder: Embedder) -> dict[str, Any]:
    """Errors of the whole row, without each part, and by each column alone; paired gains of the whole over each."""
    train, test = domain.part("train"), domain.part("test")
    backbone = embedder.fitted(choose_backbone(None, train)[0], train)
    whole = backbone.preprocess
    assert isinstance(whole, MixedPreprocess)

    def answers(reader: Backbone) -> NDArray[np.float64]:
        task = Task(train, None, reader, embedder, seed)
        return answers_on(task, LinearProbe().fit(task), test)[0]

    def told(theirs: NDArray[np.float64]) -> dict[str, Any]:
        found = test.posed.evaluate(test.y, theirs, seed=seed, groups=users)
        gain = test.posed.compare(test.y, ours, theirs, seed=seed, groups=users)
        return {name: found[name].as_dict() for name in ("mae", "rmse", "r2")} | {"whole is better by": gain.as_dict()}

    def of(columns: Sequence[str]) -> Backbone:
        return mixed_backbone(whole.without([name for name in whole.types if name not in columns]))

    started = time.perf_counter()
    ours = answers(backbone)
    seconds = time.perf_counter() - started
    found = {"whole": {**told(ours), "seconds": round(seconds, 1)}}
    found |= {f"without {name}": told(answers(mixed_backbone(whole.without(part)))) for name, part in PARTS.items()}
    found |= {f"{name} alone": told(answers(of([name]))) for name in whole.types}
    found["random title encoder"] = told(answers(embedder.fitted(randomised(backbone, full=True), train)))
    boosted = boost(train, test, seed=seed)
    if boosted is not None and boosted.outputs is not None:
        found["gradient boosting without title"] = told(boosted.outputs)
    found["mean"] = told(np.full((len(test), 1), train.y.mean()))
    return found


def weighed(seed: int, train: Domain, embedder: Embedder) -> dict[str, float]:
    """The squared error on folds of the training part, by how much the title weighs: no test rating is asked."""
    whole = embedder.fitted(choose_backbone(None, train)[0], train).preprocess
    assert isinstance(whole, MixedPreprocess)
    found = {}
    for times in SCALES:
        cells = tuple(replace(cell, scale=times * cell.scale) for cell in whole.cells)
        task = Task(train, None, mixed_backbone(replace(whole, cells=cells)), embedder, seed)
        tried = LinearProbe().fit(task).selection.candidates
        found[f"{times:g}"] = min(float(np.mean(one["squared_error"])) for one in tried)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="one draw of some ratings, and no file")
    given = parser.parse_args()
    embedder = Embedder(FeatureStore())
    draws: list[dict[str, Any]] = []
    weights: dict[str, float] = {}
    for seed in range(1 if given.short else given.draws):
        domain, users = rows(given.data / "movielens_small", seed, SHORT if given.short else None)
        draws.append(measured(seed, domain, users, embedder))
        weights = weights or weighed(seed, domain.part("train"), embedder)
        means = {model: float(np.mean([draw[model]["mae"]["value"] for draw in draws])) for model in draws[0]}
        figures = {"mean absolute error": means, "squared error by weight of the title": weights, "draws": draws}
        record("mixed_rows", figures, dry=given.short)


if __name__ == "__main__":
    main()
