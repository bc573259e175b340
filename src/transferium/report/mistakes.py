"""Where the answers went wrong: the confusion matrix, the most confused pairs, the classes or labels one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferium.report.strips import share_bar
from transferium.report.words import number, percent

MOST_CLASSES = 25
MOST_PAIRS = 25


@dataclass(frozen=True)
class Cell:
    """One cell of a confusion matrix: a count, its share of the row, and whether it is on the diagonal."""

    count: int
    share: float
    right: bool
    title: str


@dataclass(frozen=True)
class Pair:
    """One class taken for another."""

    label: str
    predicted: str
    count: int
    share: str
    chart: str


@dataclass(frozen=True)
class Confusion:
    """The matrix where it can be read as one, and the pairs most often confused."""

    classes: list[str]
    rows: list[tuple[str, list[Cell], int]]
    pairs: list[Pair]
    mistakes: int
    total: int

    @property
    def long_names(self) -> bool:
        """Whether the names over the columns have to be turned."""
        return len(self.classes) > 6 or sum(map(len, self.classes)) > 48


def class_names(test: Mapping[str, Any]) -> list[str]:
    """The classes' names, from ``classes`` or from the table by class, else numbers."""
    if test.get("classes"):
        return [str(name) for name in test["classes"]]
    if test.get("per_class"):
        return [str(row["class"]) for row in test["per_class"]]
    return [str(i) for i in range(len(test.get("confusion", ())))]


def confusion(test: Mapping[str, Any]) -> Confusion | None:
    """Rows are the true classes, columns the predicted ones; None where there is no matrix."""
    counts: Sequence[Sequence[int]] = test.get("confusion") or ()
    if not counts:
        return None
    names = class_names(test)
    off = [(row[j], i, j) for i, row in enumerate(counts) for j in range(len(row)) if i != j and row[j]]
    worst = sorted(off, key=lambda t: (-t[0], t[1], t[2]))[:MOST_PAIRS]
    most = worst[0][0] if worst else 1
    pairs = [
        Pair(names[i], names[j], n, percent(n / (sum(counts[i]) or 1), 0), share_bar(n / most, "wrong"))
        for n, i, j in worst
    ]
    rows = [] if len(names) > MOST_CLASSES else [_matrix_row(names, i, row) for i, row in enumerate(counts)]
    return Confusion(names, rows, pairs, sum(n for n, _, _ in off), sum(map(sum, counts)))


def _matrix_row(names: list[str], i: int, row: Sequence[int]) -> tuple[str, list[Cell], int]:
    whole = sum(row)
    cells = []
    for j, n in enumerate(row):
        share = n / whole if whole else 0.0
        cells.append(Cell(n, share, i == j, f"{n} of {whole} {names[i]} predicted as {names[j]} ({percent(share, 0)})"))
    return names[i], cells, whole


@dataclass(frozen=True)
class OutputLine:
    """One class's or label's figures in words, with its F1 drawn."""

    name: str
    precision: str
    recall: str
    f1: str
    support: int
    chart: str


def output_lines(test: Mapping[str, Any], output: str = "class") -> list[OutputLine]:
    """The table by class or label, weakest F1 first; empty where there is none."""
    rows = sorted(test.get(f"per_{output}") or (), key=lambda row: number(row.get("f1")) or 0.0)
    return [
        OutputLine(
            str(row[output]),
            percent(row.get("precision")),
            percent(row.get("recall")),
            percent(row.get("f1")),
            int(number(row.get("support")) or 0),
            share_bar(number(row.get("f1")) or 0.0),
        )
        for row in rows
    ]
