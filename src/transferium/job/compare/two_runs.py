"""``transferium compare-runs``: which of two finished runs is better on the test examples that both answered."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.doctor.findings import count, some
from transferium.errors import DataError, refusing
from transferium.functional.bootstrap import Interval, paired_interval
from transferium.functional.metrics.mcnemar import mcnemar
from transferium.functional.metrics.span_metrics import span_counts, span_statistics
from transferium.problems.catalogue import PROBLEMS
from transferium.problems.classes import Classes
from transferium.problems.entities import Entities, gain_in_f1
from transferium.problems.regression import Regression
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file

SURE = 0.05
Cells = Sequence[str]


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
    with what differs, for a folder that is no finished run, and for labels whose answers are not compared.
    """
    first, second = _answered(a), _answered(b)
    _refuse_different(first, second)
    names = list(first.labels)
    labels, *answers = ([cells[n] for n in names] for cells in (first.labels, first.answers, second.answers))
    with refusing(DataError, f"{a} and {b} cannot be compared"):
        gap, merits, told = COMPARED[first.kind](labels, answers[0], answers[1], seed)
    values = dict(zip("ab", merits, strict=True))
    return {
        "a": str(a),
        "b": str(b),
        "examples": len(names),
        PROBLEMS[first.kind].headline: values,
        "difference": gap.as_dict(),
        **told,
        "verdict": _verdict(gap, told.get("p_value"), a.name, b.name),
    }


Compared = tuple[Interval, list[float], dict[str, Any]]
"""How much better the first answers are, both headline figures, and what else is told."""


def _classes(labels: Cells, ours: Cells, theirs: Cells, seed: int) -> Compared:
    right = [
        np.array([answer == label for answer, label in zip(cells, labels, strict=True)]) for cells in (ours, theirs)
    ]
    alone = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    told = {"only_a": alone[0], "only_b": alone[1], "p_value": mcnemar(*alone)}
    return paired_interval(*right, seed=seed), [float(r.mean()) for r in right], told


def _amounts(labels: Cells, ours: Cells, theirs: Cells, seed: int) -> Compared:
    y, *guesses = (np.array([float(cell) for cell in cells]) for cells in (labels, ours, theirs))
    amounts, outputs = Regression(("amount",)), [guess[:, None] for guess in guesses]
    return amounts.compare(y, *outputs, seed=seed), [amounts.merit(y, output) for output in outputs], {}


def _spans(labels: Cells, ours: Cells, theirs: Cells, seed: int) -> Compared:
    named = [
        [[(int(s["start"]), int(s["end"]), str(s["label"])) for s in json.loads(cell or "[]")] for cell in cells]
        for cells in (labels, ours, theirs)
    ]
    kinds = sorted({kind for cells in named for spans in cells for *_, kind in spans})
    true, *said = ([[(a, b, kinds.index(kind)) for a, b, kind in spans] for spans in cells] for cells in named)
    counts = [span_counts(true, spans, max(1, len(kinds))) for spans in said]
    merits = [float(span_statistics(each)(np.ones((1, len(labels))))["span_f1"][0]) for each in counts]
    return gain_in_f1(*counts, seed=seed), merits, {}


COMPARED: dict[str, Callable[[Cells, Cells, Cells, int], Compared]] = {
    Classes.kind: _classes,
    Regression.kind: _amounts,
    Entities.kind: _spans,
}
"""How two runs are compared by their labels and answers as they are written, by kind of problem."""


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
    if kind not in COMPARED:
        raise DataError(f"{folder} predicts {kind}; runs on {', '.join(COMPARED)} alone are compared.")
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
