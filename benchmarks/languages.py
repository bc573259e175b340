"""Texts that the bundled backbone cannot read: Chinese reviews by it, by character n-grams, and by scikit-learn.

python benchmarks/languages.py [--reviews 2400] [--seeds 0] [--only all_minilm_l6_v2,char_ngrams,scikit-learn]

Three domains of ``zh_shopping10``, two classes, three quarters to train on. ``scikit-learn`` is the pipeline that its
users would write: TF-IDF of 1 to 3 characters and logistic regression, its C by five folds of the training part.
Each figure keeps the command that measured it: those that are not measured now are those of before.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from record import DATA, RESULTS, command, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.job.fit.prepare import prepare, separate
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.models.catalogue import find_backbone

DOMAINS = ("hotel", "shampoo", "tablet")
RESULT = RESULTS / "languages.json"
PEER = "scikit-learn"
NAMES = ("all_minilm_l6_v2", "char_ngrams", PEER)


def domains(file: Path, reviews: int, seed: int) -> dict[str, Domain]:
    """Some reviews of each domain, drawn by the seed."""
    whole = read(file, text="text", label="label")
    with file.open(encoding="utf-8", newline="") as opened:
        of = np.array([row["domain"] for row in csv.DictReader(opened)])
    rng = np.random.default_rng(seed)
    return {name: whole.take(np.sort(rng.permutation(np.flatnonzero(of == name))[:reviews])) for name in DOMAINS}


def peer(domain: Domain, embedder: Embedder) -> float:
    """scikit-learn's accuracy on the same test part."""
    prepared = prepare(domain, embedder, find_backbone("char_ngrams", "text"), watch=Stopwatch())
    parts = separate(prepared, seed=0)
    train, test = ([str(p.samples.raw(i)) for i in range(len(p))] for p in (parts.train, parts.test))
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True), LogisticRegression(max_iter=500)
    )
    grid = {"logisticregression__C": [0.1, 1.0, 10.0, 100.0]}
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=5).fit(train, parts.train.y)
    return float((search.predict(test) == parts.test.y).mean())


def measure(domain: Domain, embedder: Embedder, scratch: Path, name: str) -> Any:
    """One backbone on one domain, or the peer."""
    if name == PEER:
        return round(peer(domain, embedder), 4)
    options = FitOptions(out=scratch / name, method=find_method("probe", {}), backbone=name)
    run = fit_job(domain, options, embedder, Stopwatch())
    said = [f["message"] for f in run["doctor"]["findings"] if f["kind"] == "unread"]
    division = run["division"]
    return {"accuracy": run["test"]["accuracy"], "examples": division, "said": said, "command": command()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=2400)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    figures: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))["figures"] if RESULT.exists() else {}
    embedder = Embedder(FeatureStore())
    with tempfile.TemporaryDirectory() as scratch:
        for who, seed in product(args.only.split(","), map(int, args.seeds.split(","))):
            for name, domain in domains(args.data / "zh_shopping10" / "all.csv", args.reviews, seed).items():
                found = measure(domain, embedder, Path(scratch) / f"{name} {seed}", who)
                print(seed, name, who, json.dumps(found, ensure_ascii=False), flush=True)
                figures.setdefault(name if not seed else f"{name}, seed {seed}", {})[who] = found
    record("languages", figures)


if __name__ == "__main__":
    main()
