"""Tables: beside scaled one-hot logistic regression and gradient boosting, and transfer between parts of Adult.

python benchmarks/tables.py [wine small adult_3000 adult transfer halves memory] [--seeds 0,1] [--pair "Europe -> Asia"]

``wine`` multiplies one column by 10^5 and counts answers that change. ``small`` are scikit-learn's own tables, divided
anew by each seed. ``adult_3000`` learns from 3,000 rows (seed k: rows 3,000 k and on), ``adult`` from all, both tested
on the official part. ``transfer`` drops the column that divides the domains; a seed draws the rows and the 100 that are
labelled; each pair is recorded with its own command, and ``--pair`` measures some. ``halves`` divides breast
cancer at the median of every third column and wine of every second, each half the source of the other: what ``auto``
would take if its candidates stood for tables, which without labels of the target they do not; no column, pair or
candidate was left out for its result. ``memory`` fits a generated Parquet
file of 10^6 rows (``--rows``) and 50 columns: the peak of its process, and for how long nothing was shown.
Figures of several seeds are means with 95 % intervals over seeds (Student's t). Parts that are not run stay recorded.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from record import DATA, RESULTS, record
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.estimator.classifier import TransferClassifier
from transferium.evaluation.gradient_boosting import NAME
from transferium.job.adapt.fit import adapt, usable_answers
from transferium.job.fit.judge import Judged, judge
from transferium.job.fit.prepare import Divided, prepare, separate
from transferium.job.fit.readable import choose_backbone
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.model_selection.auto import Auto
from transferium.methods.task import Task
from transferium.models.columns.backbone_of_columns import fitted_to
from transferium.problems.regression import Regression

LEAST = 5
"""The fewest source examples of a class for a pair of ``halves``."""
FILE = RESULTS / "tables.json"
ROWS, FEW, DRAWN = 3_000, 100, 5_000
CONTINENTS = {
    "North America": "United-States Canada Mexico Puerto-Rico Outlying-US(Guam-USVI-etc) Cuba Jamaica Haiti "
    "Dominican-Republic El-Salvador Guatemala Honduras Nicaragua Trinadad&Tobago",
    "Asia": "Philippines India China Vietnam Japan Taiwan Iran Cambodia Thailand Laos Hong",
    "Europe": "Germany England Italy Poland Portugal Greece France Ireland Yugoslavia Scotland Hungary "
    "Holand-Netherlands",
}


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and 95 % interval over seeds."""
    x = np.array(values)
    if len(x) < 2:
        return {"value": float(x.mean()), "low": None, "high": None}
    half = student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return {"value": float(x.mean()), "low": float(x.mean() - half), "high": float(x.mean() + half)}


def judged(domain: Domain, seed: int) -> tuple[Judged, Divided]:
    """The default job on ``domain``: its figures on the held-out part, gradient boosting beside it."""
    backbone, _ = choose_backbone(None, domain)
    divided = separate(prepare(domain, Embedder(None), backbone, watch=Stopwatch()), seed=seed)
    fitted_backbone = fitted_to(backbone, divided.train)
    task = Task(divided.train, divided.val, fitted_backbone, Embedder(None), seed, groups=divided.train.groups)
    method = find_method("auto", {})
    return judge(method.fit(task), method, task, divided.test, None), divided


def linear(frame: Callable[[Domain], Any], divided: Divided) -> float:
    """What a user of scikit-learn would write first: numbers scaled, the rest one-hot, a linear model."""
    train, test = divided.train, divided.test
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    amounts = isinstance(train.posed, Regression)
    model = make_pipeline(columns, Ridge() if amounts else LogisticRegression(max_iter=2_000))
    answers = model.fit(frame(train), train.y).predict(frame(test))
    return float(np.abs(answers - test.y).mean() if amounts else (answers == test.y).mean())


def as_frame(domain: Domain) -> Any:
    """The rows of a table as a pandas data frame."""
    import pandas

    assert isinstance(domain.samples, Table)
    return pandas.DataFrame(
        {
            c.name: np.array([*c.levels, None], object)[c.values] if c.levels else c.values
            for c in domain.samples.columns
        }
    )


def beside(domain: Domain, seeds: Sequence[int], of: Callable[[Domain, int], Domain] | None = None) -> dict[str, Any]:
    """Ours, logistic regression (ridge) and gradient boosting by the headline figure, over seeds."""
    found: dict[str, list[float]] = {"ours": [], "linear": [], "gradient_boosting": [], "seconds": []}
    for seed in seeds:
        begin = time.perf_counter()
        result, divided = judged(domain if of is None else of(domain, seed), seed)
        found["seconds"].append(time.perf_counter() - begin)
        found["ours"].append(result.evaluation[result.evaluation.headline].value)
        if NAME in result.references:
            found["gradient_boosting"].append(result.references[NAME][result.evaluation.headline].value)
        found["linear"].append(linear(as_frame, divided))
    less = np.subtract(found["ours"], found["linear"]).tolist()
    return {name: over_seeds(values) for name, values in found.items() if values} | {
        "ours_less_linear": over_seeds(less)
    }


def wine(seeds: Sequence[int], _data: Path) -> dict[str, Any]:
    """Five folds of wine, as given and with one column in another unit: accuracy, and how many answers change."""
    data = load_wine()
    rows: dict[str, list[float]] = {"as_given": [], "times_1e5": [], "changed": []}
    for seed in seeds:
        fold = np.random.default_rng(seed).permutation(len(data.target)) % 5
        answers = []
        for scale in (1.0, 1e5):
            X = data.data.copy()
            X[:, 12] *= scale
            predicted = np.empty(len(X), np.int64)
            for k in range(5):
                part = np.where(fold == k, "test", "train")
                result, divided = judged(read(X, label=data.target, part=part.tolist(), name="wine"), seed)
                predicted[[int(name) for name in divided.test.ids]] = result.outputs.argmax(axis=1)
            answers.append(predicted)
        rows["as_given"].append(float((answers[0] == data.target).mean()))
        rows["times_1e5"].append(float((answers[1] == data.target).mean()))
        rows["changed"].append(float((answers[0] != answers[1]).sum()))
    return {name: over_seeds(values) for name, values in rows.items()}


def small(seeds: Sequence[int], _data: Path) -> dict[str, Any]:
    """scikit-learn's tables, a quarter held out."""
    loaders = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
    found = {}
    for name, load in loaders.items():
        X, y = load(return_X_y=True)
        found[name] = beside(read(X, label=y, problem="classes", name=name), seeds)
    X, y = load_diabetes(return_X_y=True)
    return found | {"diabetes (mean absolute error)": beside(read(X, label=y, problem="regression"), seeds)}


def adult_3000(seeds: Sequence[int], data: Path) -> dict[str, Any]:
    """3,000 training rows, the official test part."""

    def cut(domain: Domain, seed: int) -> Domain:
        train, test = (np.flatnonzero(domain.parts == part) for part in ("train", "test"))
        return domain.take(np.concatenate([train[ROWS * seed : ROWS * (seed + 1)], test]))

    return beside(read(data / "adult", label="income"), seeds, cut)


def adult(_seeds: Sequence[int], data: Path) -> dict[str, Any]:
    """All rows, once: nothing but the folds depends on a seed; and the seconds of the whole command."""
    domain = read(data / "adult", label="income")
    result, divided = judged(domain, 0)
    with tempfile.TemporaryDirectory() as folder:
        command = ["fit", str(data / "adult"), "--label", "income", "--out", f"{folder}/run"]
        seconds, peak, _ = measured(command)
    theirs = result.references[NAME][result.evaluation.headline]
    return {
        "ours": result.evaluation[result.evaluation.headline].as_dict(),
        "linear": linear(as_frame, divided),
        "gradient_boosting": theirs.as_dict(),
        "boosting_less_ours": result.boosting.difference.as_dict() if result.boosting else None,
        "command_seconds": seconds,
        "command_peak_gb": peak,
    }


def measured(arguments: Sequence[str]) -> tuple[float, float, list[float]]:
    """Seconds and peak memory in GB of ``transferium ARGUMENTS``, and when it wrote lines to standard error."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "transferium", *arguments]
    ran = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert ran.stderr is not None
    lines = [(time.perf_counter() - begin, line) for line in ran.stderr]
    _, ran.returncode, used = os.wait4(ran.pid, 0)  # of this process alone, whatever ran before
    if ran.returncode:
        raise SystemExit("".join(line for _, line in lines))
    return time.perf_counter() - begin, used.ru_maxrss / 1e6, [when for when, _ in lines]


def memory(_seeds: Sequence[int], _data: Path, rows: int = 1_000_000) -> dict[str, Any]:
    """A Parquet file of 50 columns: 36 numbers, 10 categories, 2 truth values, 2 dates."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"number {i}": rng.normal(size=rows).astype(np.float32) for i in range(36)}
    for i in range(10):
        levels = pa.array([f"level {k}" for k in range(5 + 20 * i)])
        columns[f"category {i}"] = pa.DictionaryArray.from_arrays(rng.integers(0, len(levels), rows), levels)
    columns |= {f"truth {i}": rng.random(rows) < 0.3 for i in range(2)}
    columns |= {f"date {i}": np.datetime64("2020-01-01") + rng.integers(0, 2_000, rows) for i in range(2)}
    columns["label"] = np.where(columns["number 0"] + columns["truth 0"] + rng.normal(size=rows) > 0, "yes", "no")
    with tempfile.TemporaryDirectory() as folder:
        parquet.write_table(pa.table(columns), f"{folder}/large.parquet")
        del columns
        seconds, peak, when = measured(["fit", f"{folder}/large.parquet", "--out", f"{folder}/run"])
    silent = float(np.diff([0.0, *when, seconds]).max())
    return {"rows": rows, "seconds": seconds, "peak_gb": peak, "lines_shown": len(when), "longest_silence": silent}


def domains(data: Path) -> Iterator[tuple[str, list[dict[str, str]], list[dict[str, str]]]]:
    """Pairs of parts of Adult without the column that divides them."""
    rows = [row for part in ("train", "test") for row in csv.DictReader((data / "adult" / f"{part}.csv").open())]

    def part(column: str, values: Sequence[str]) -> list[dict[str, str]]:
        return [{k: v for k, v in row.items() if k != column} for row in rows if row[column].strip() in values]

    yield "women -> men", part("sex", ["Female"]), part("sex", ["Male"])
    born = {name: part("native_country", countries.split()) for name, countries in CONTINENTS.items()}
    yield "North America -> Asia", born["North America"], born["Asia"]
    yield "Europe -> Asia", born["Europe"], born["Asia"]


def transfer(seeds: Sequence[int], data: Path, only: Sequence[str] = ()) -> dict[str, Any]:
    """Source only, ``auto`` without target labels, and ``auto`` with 100: accuracy on the other target rows."""
    found: dict[str, Any] = {}
    for name, source, target in domains(data):
        if only and name not in only:
            continue
        table: dict[str, list[float]] = {}
        chosen: list[str] = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            here = [source[i] for i in rng.permutation(len(source))[:DRAWN]]
            there = [target[i] for i in rng.permutation(len(target))[: DRAWN + FEW]]
            for few in (None, read(there[:FEW], label="income", name="few")):
                pair = pair_domains(
                    [read(here, label="income", name="source")], read(there[FEW:], label="income", name="target"), few
                )
                options = FitOptions(Path("unused"), find_method("auto", {}), seed=seed)
                made = adapt(pair, options, Embedder(None), Stopwatch())
                answers = usable_answers(made)
                assert answers is not None
                y = np.array(answers.classes)[answers.y]
                how = "auto" if few is None else f"auto_{FEW}_labels"
                for who, fitted in (("source_only", made.source_only), (how, made.fitted)):
                    seen = made.task.embed(made.held, fitted.backbone).features
                    right = np.array(made.task.train.classes)[fitted.head.predict(seen)] == y
                    if who != "source_only" or few is None:
                        table.setdefault(who, []).append(float(right.mean()))
                chosen.append(made.fitted.method)
        gains = {
            f"{who}_less_source_only": np.subtract(values, table["source_only"]).tolist()
            for who, values in table.items()
            if who != "source_only"
        }
        worst = min(min(values) for values in gains.values())
        figures = {who: over_seeds(values) for who, values in (table | gains).items()}
        command = f"python benchmarks/tables.py transfer --seeds {','.join(map(str, seeds))} --pair '{name}'"
        found[name] = {"command": command} | figures | {"worst_gain": worst, "chosen": chosen}
    return found


def halves(seeds: Sequence[int], _data: Path) -> dict[str, Any]:
    """Accuracy on one half of a table from the other: source only, and the choice among adaptations, seed by seed."""
    names = Auto().adaptations[::-1]  # named, so that they stand
    found: dict[str, Any] = {}
    for table, (load, step) in {"breast_cancer": (load_breast_cancer, 3), "wine": (load_wine, 2)}.items():
        x, y = load(return_X_y=True)
        gains: dict[str, float] = {}
        for column, seed in ((c, s) for c in range(0, x.shape[1], step) for s in seeds):
            low = x[:, column] <= np.median(x[:, column])
            for which, source in (("low to high", low), ("high to low", ~low)):
                counts = np.unique(y[source], return_counts=True)[1]
                if len(counts) < len(np.unique(y[~source])) or counts.min() < LEAST:
                    continue
                model = TransferClassifier("auto", settings={"adaptations": names}, random_state=seed)
                model.fit(x[~source], source=(x[source], y[source]))
                told = model.evaluate((x[~source], y[~source]))
                name = f"column {column}, {which}, seed {seed}"
                gains[name] = told["accuracy"].value - told.source_only["accuracy"].value
        values = np.array([*gains.values()])
        summary = {"pairs": len(values), "mean": values.mean(), "worst": values.min(), "best": values.max()}
        found[table] = {key: float(value) for key, value in summary.items()} | {
            "better": int((values > 0).sum()),
            "worse": int((values < 0).sum()),
            "gains": gains,
        }
    return found


PARTS: dict[str, Callable[[Sequence[int], Path], dict[str, Any]]] = {
    "wine": wine,
    "small": small,
    "adult_3000": adult_3000,
    "adult": adult,
    "transfer": transfer,
    "halves": halves,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--rows", type=int, default=10**6, help="rows of memory")
    parser.add_argument("--pair", action="append", default=[], help="only this pair of transfer; may be repeated")
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    for part in asked.parts:
        if part == "transfer":
            found = transfer(seeds, asked.data, asked.pair)
        elif part == "memory":
            command = f"python benchmarks/tables.py memory --rows {asked.rows}"
            found = {"command": command} | memory(seeds, asked.data, asked.rows)
        else:
            found = PARTS[part](seeds, asked.data)
            found = {"command": f"python benchmarks/tables.py {part} --seeds {asked.seeds}"} | found
        kept = json.loads(FILE.read_text())["figures"] if FILE.exists() else {}
        before = kept.get(part, {}) if asked.pair else {}
        record("tables", kept | {part: before | found})


if __name__ == "__main__":
    main()
