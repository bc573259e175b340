"""``transferium compare-runs``: which of two finished runs is better on the test examples that both answered."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.doctor.findings import count, some
from transferium.errors import DataError, refusing
from transferium.functional.bootstrap import Interval, paired_interval
from transferium.functional.metrics.mcnemar import mcnemar
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem
from transferium.problems.regression import Regression
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file

SURE = 0.05


@dataclass(frozen=True)
class Answered:
    """A run's answers for its test part, by the names of the examples, and the labels of these."""

    folder: Path
    kind: str
    data: str
    labels: dict[str, str]
    answers: dict[str, str]


def compare_runs(a: Path, b: Path, *, seed: int = 0) -> dict[str, Any]:
    """How much better ``a`` is than ``b``, with a paired bootstrap interval, and for classes McNemar's exact test.

    Both runs must have been tested on the same examples with the same labels. Raises ``DataError`` where they were not,
    with what differs, for a folder that is no finished run, and for other labels than classes and amounts.
    """
    first, second = _answered(a), _answered(b)
    _refuse_different(first, second)
    names = list(first.labels)
    if first.kind == Classes.kind:
        right = [np.array([one.answers[n] == one.labels[n] for n in names]) for one in (first, second)]
        gap = paired_interval(*right, seed=seed)
        alone = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
        told: dict[str, Any] = {"only_a": alone[0], "only_b": alone[1], "p_value": mcnemar(*alone)}
        problem: type[Problem] = Classes
        merits = [float(r.mean()) for r in right]
    else:
        y, *guesses = (np.array([float(cell) for cell in cells]) for cells in _cells(first, second, names))
        amounts = Regression(("amount",))
        outputs = [guess[:, None] for guess in guesses]
        gap = amounts.compare(y, *outputs, seed=seed)
        told, problem = {}, Regression
        merits = [amounts.merit(y, output) for output in outputs]
    values = dict(zip("ab", merits, strict=True))
    return {
        "a": str(a),
        "b": str(b),
        "examples": len(names),
        problem.headline: values,
        "difference": gap.as_dict(),
        **told,
        "verdict": _verdict(gap, told.get("p_value"), a.name, b.name),
    }


def _cells(first: Answered, second: Answered, names: list[str]) -> tuple[list[str], list[str], list[str]]:
    return [first.labels[n] for n in names], [first.answers[n] for n in names], [second.answers[n] for n in names]


def _verdict(gap: Interval, p: float | None, a: str, b: str) -> str:
    """Who is better, where both the interval and the test say so."""
    if (gap.low > 0 or gap.high < 0) and (p is None or p < SURE):
        return f"{a} is better than {b}" if gap.value > 0 else f"{b} is better than {a}"
    return f"no evidence that {a} and {b} differ"


def _answered(folder: Path) -> Answered:
    metrics, predictions = folder / "metrics.json", folder / "predictions.csv"
    if not metrics.is_file() or not predictions.is_file():
        raise DataError(f"{folder} is no finished run: it needs metrics.json and predictions.csv, as fit writes them.")
    with refusing(DataError, f"{folder} cannot be read as a finished run"):
        facts = parse_json(read_file(metrics, LONGEST_JSON))
        with predictions.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        kind, data = str(facts["problem"]), str(facts["provenance"]["data"])
        labels = {row["id"]: row["label"] for row in rows}
        answers = {row["id"]: row["predicted"] for row in rows}
    if kind not in (Classes.kind, Regression.kind):
        raise DataError(f"{folder} predicts {kind}; runs on classes and on amounts alone are compared.")
    if len(labels) < len(rows):
        raise DataError(f"{predictions} names several examples alike, so that answers cannot be paired.")
    return Answered(folder, kind, data, labels, answers)


def _refuse_different(a: Answered, b: Answered) -> None:
    """Raise ``DataError`` where the two were not tested on the same examples, with what differs."""
    start = f"{a.folder} and {b.folder} cannot be compared:"
    if a.kind != b.kind:
        raise DataError(f"{start} one predicts {a.kind}, the other {b.kind}.")
    if a.labels.keys() != b.labels.keys():
        alone = [(one, sorted(one.labels.keys() - other.labels.keys())) for one, other in ((a, b), (b, a))]
        said = " and ".join(
            f"{count(len(names), 'test example')} of {one.folder.name} alone ({some(names)})"
            for one, names in alone
            if names
        )
        raise DataError(f"{start} {said}. Fit both on one division: the same data and seed, or given parts.")
    if changed := [name for name, label in a.labels.items() if b.labels[name] != label]:
        raise DataError(f"{start} {count(len(changed), 'example')} with different labels ({some(changed)}).")
    if a.data != b.data:
        raise DataError(f"{start} their test examples have the same names and labels, but the data is not the same.")
