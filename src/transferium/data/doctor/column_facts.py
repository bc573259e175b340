"""What each column of a table holds, in one line: type, missing cells, levels, range, relation to the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import CODED, USED, Column
from transferium.functional.explained_alone import binned, explained_alone, straight
from transferium.problems.problem import Problem

MOST = 20_000
"""The most rows that relations are computed on: a sample, drawn by a fixed seed."""


@dataclass(frozen=True)
class ColumnFacts:
    """One column. ``relation`` is the share of the label's variance that it explains alone, left one out (R²).

    ``levels`` counts different values; ``low`` and ``high`` are the ends of numbers and dates, and of other columns the
    most frequent value, with ``share`` of the rows that have it. What does not exist is None.
    """

    name: str
    type: str
    rows: int
    missing: int
    levels: int
    low: str | None = None
    high: str | None = None
    common: str | None = None
    share: float | None = None
    relation: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        return {**self.__dict__}


def column_facts(columns: Sequence[Column], labels: NDArray[Any] | None, problem: Problem | None) -> list[ColumnFacts]:
    """The facts of every column, in their order; without labels there is no relation."""
    if not columns:
        return []
    targets = None if labels is None or problem is None else as_targets(labels, problem)
    n = len(columns[0])
    some = np.sort(np.random.default_rng(0).permutation(n)[:MOST])
    seen = None if targets is None else targets[some]
    return [_facts(column, some, seen) for column in columns]


def as_targets(labels: NDArray[Any], problem: Problem) -> NDArray[Any]:
    """Labels as numbers ``(n, k)``: indicators of classes or labels, or the amounts."""
    if problem.link == "softmax":
        labels = labels[:, None] == np.arange(problem.width)
    return np.asarray(labels[:, None] if problem.link == "identity" else labels, np.float64)


def _facts(column: Column, some: NDArray[np.intp], targets: NDArray[Any] | None) -> ColumnFacts:
    codes, names = codes_of(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    facts: dict[str, Any] = {}
    if len(names) and column.type in ("number", "date"):
        facts = {"low": written(names[0]), "high": written(names[-1])}
    elif counts.any():
        facts = {"common": written(names[int(counts.argmax())]), "share": float(counts.max() / len(codes))}
    if targets is not None and column.type in USED:
        facts["relation"] = _relation(column.take(some), targets)
    missing, levels = int((codes < 0).sum()), int((counts > 0).sum())
    return ColumnFacts(column.name, column.type, len(codes), missing, levels, **facts)


def _relation(column: Column, targets: NDArray[Any]) -> float:
    if column.type in CODED:
        return explained_alone(column.values + 1, targets)
    numbers = column.values if column.type == "number" else np.where(column.missing, np.nan, column.values.astype("f8"))
    return max(explained_alone(binned(numbers), targets), straight(numbers, targets))


def codes_of(column: Column) -> tuple[NDArray[np.integer[Any]], Sequence[Any] | NDArray[Any]]:
    """A position ``(n,)`` in the values that there may be, -1 where missing, and these values, numbers in order."""
    if column.type in CODED:
        return column.values, column.levels
    known = ~column.missing
    names, codes = np.unique(column.values[known], return_inverse=True)
    found = np.full(len(known), -1, np.int64)
    found[known] = codes
    return found, names


def written(value: Any) -> str:
    """A value in few characters.

    >>> written(np.float64(0.25)), written(np.datetime64("2024-01-31T00:00:00"))
    ('0.25', '2024-01-31')
    """
    if isinstance(value, np.datetime64):
        return str(value).removesuffix("T00:00:00")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
