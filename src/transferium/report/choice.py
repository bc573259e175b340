"""How it was chosen and how it was trained: the candidates with their scores, and the curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from transferium.report.charts import Candidate, Point, curves, path
from transferium.report.parallel import parallel
from transferium.report.presentation import CLASSES, Presentation
from transferium.report.words import decimal, number, spoken

MOST_CHARTS = 6
RANGE_TEST = "range test"
"""The stage of a history that only tests learning rates; ``report/rates.py`` draws it."""
_SPREADS = ("_std", "_sd", "_spread")


@dataclass(frozen=True)
class Choice:
    """A selection for the page: its words, a drawing where the candidates form a path, and a table of them."""

    rule: str
    data: str
    notes: list[str]
    chosen: list[tuple[str, str]]
    chart: str
    trials: str
    columns: list[str]
    rows: list[tuple[bool, list[str]]]


def choice(selection: Mapping[str, Any] | None, shown: Presentation = CLASSES) -> Choice | None:
    """None where nothing was chosen."""
    if not selection:
        return None
    candidates: Sequence[Mapping[str, Any]] = selection.get("candidates") or ()
    chosen: Mapping[str, Any] = selection.get("chosen") or {}
    keys = list(dict.fromkeys(key for c in candidates for key in c if not key.endswith(_SPREADS)))
    return Choice(
        rule=str(selection.get("rule", "")).rstrip("."),
        data=str(selection.get("data", "")).rstrip("."),
        notes=[str(note) for note in selection.get("notes") or ()],
        chosen=[(spoken(key), _written(value)) for key, value in chosen.items()],
        chart=_path_chart(candidates, number(chosen.get("C")), shown),
        trials=parallel(candidates, chosen),
        columns=[spoken(key) for key in keys],
        rows=[(_same(c, chosen), [_written(c.get(key)) for key in keys]) for c in candidates],
    )


def _same(candidate: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    shared = [key for key in chosen if key in candidate]
    return bool(shared) and all(candidate[key] == chosen[key] for key in shared)


def _written(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_written, value))
    if isinstance(value, str):
        return value
    return decimal(value, 4) if number(value) is not None else str(value if value is not None else "–")


def _path_chart(candidates: Sequence[Mapping[str, Any]], chosen: float | None, shown: Presentation) -> str:
    found = []
    for candidate in candidates:
        value, spread = number(candidate.get("C")), score_with_spread(candidate, shown.loss)
        if value is not None and value > 0 and spread is not None:
            found.append(Candidate(value, *spread))
    return path(found, chosen, "C", f"{shown.loss_called.capitalize()} over folds") if len(found) > 1 else ""


def score_with_spread(candidate: Mapping[str, Any], key: str) -> tuple[float, float, float] | None:
    """Mean, low and high of a score however it was written down; None where it is absent or not finite.

    >>> score_with_spread({"log_loss": 0.5, "log_loss_std": 0.1}, "log_loss")
    (0.5, 0.4, 0.6)
    >>> score_with_spread({"log_loss": [0.4, 0.5, 0.6]}, "log_loss")
    (0.5, 0.4, 0.6)
    """
    given = candidate.get(key)
    if isinstance(given, (list, tuple)):
        folds = [v for v in map(number, given) if v is not None]
        if not folds:
            return None
        mean, around = fmean(folds), stdev(folds) if len(folds) > 1 else 0.0
        return mean, mean - around, mean + around
    value = number(given)
    if value is None:
        return None
    if isinstance(given, Mapping) and "low" in given:
        return value, number(given["low"]) or value, number(given.get("high")) or value
    beside = [given.get("std")] if isinstance(given, Mapping) else [candidate.get(key + end) for end in _SPREADS]
    around = next((v for v in map(number, beside) if v is not None), 0.0)
    return value, value - around, value + around


@dataclass(frozen=True)
class Curve:
    """One chart of a training history with the names of its lines, in the order of their colours."""

    title: str
    chart: str
    names: list[str]


def training_curves(history: Sequence[Mapping[str, Any]] | None) -> list[Curve]:
    """One chart for each quantity; its training and validation values share the axes, stages follow each other."""
    records = [r for r in history or () if r.get("stage") != RANGE_TEST]
    by = next((key for key in ("step", "epoch") if all(key in r for r in records)), None)
    if len(records) < 2 or by is None:
        return []
    groups: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for record, x in zip(records, _in_a_row(records, by), strict=True):
        for key, given in record.items():
            y = number(given)
            if key not in ("step", "epoch", "seconds", "stage") and x is not None and y is not None:
                groups[_quantity(key)][key].append((x, y))
    drawable = {title: lines for title, lines in groups.items() if any(len(line) > 1 for line in lines.values())}
    return [
        Curve(spoken(title), curves(lines, spoken(by), spoken(title)), [spoken(name) for name in lines])
        for title, lines in list(drawable.items())[:MOST_CHARTS]
    ]


def _in_a_row(records: Sequence[Mapping[str, Any]], by: str) -> list[float | None]:
    """Steps or epochs counted on through all stages, each of which counts its own from 0."""
    places: list[float | None] = []
    begun, before, last = 0.0, None, -1.0
    for record in records:
        here = number(record[by])
        if record.get("stage") != before:
            begun, before = last + 1, record.get("stage")
        places.append(None if here is None else begun + here)
        last = last if here is None else begun + here
    return places


def _quantity(key: str) -> str:
    for part in ("train", "val", "validation", "test"):
        key = key.removeprefix(part + "_").removesuffix("_" + part)
    return key
