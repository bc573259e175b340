"""Columns of a table that somebody should look at: copies of the label or of one another, second labels, texts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import CODED, USED, Column
from transferium.data.doctor.column_facts import MOST, ColumnFacts, codes_of
from transferium.data.doctor.findings import Finding, Severity, some

Values = NDArray[np.float64]
LEAK = 0.95
"""The share of the label's variance that is too much for one column: 1.3 % wrong of two classes of one size."""
_LABEL = re.compile(r"(^|[\W_])(labels?|target)($|[\W_])|^(class|outcome|y)$", re.IGNORECASE)
WORDS, LEVELS = 3, 20
"""From how many words in the middle level, and from how many levels, categories are rather texts."""
CELLS = 10**7
"""How many cells of a table are compared at most."""
CLOSE = 1e-3
"""How far apart, in standard deviations, rounding may bring the numbers of one measure in two units."""
FEWEST = 20
"""The fewest rows from which it is said that columns agree with the label or with one another."""


def suspicious_columns(columns: Sequence[Column], facts: Sequence[ColumnFacts]) -> list[Finding]:
    """A finding for each suspicion with the names of its columns, the worst first; ``facts`` are those of ``columns``.

    Near copies of the label are known by ``relation``, so that there are none without labels.
    """
    leaking = [one for one in facts if one.rows >= FEWEST and (one.relation or 0.0) >= LEAK]
    second = [c.name for c in columns if c.type in USED and _LABEL.search(c.name)]
    texts = [column.name for column in columns if column.type == "category" and _is_wordy(column)]
    leaks = [f"{one.name!r} ({100 * (one.relation or 0):.0f} % of its variance)" for one in leaking]
    found: list[tuple[str, Severity, str, Iterable[str]]] = [
        ("leaking-column", "warning", "predicts the label alone: leak? If it is not known before, leave it out", leaks),
        ("second-label", "warning", "is called like a label: a second one? If it is, leave it out", map(repr, second)),
        ("text-as-category", "warning", "holds sentences and was taken for a category", map(repr, texts)),
        ("duplicate-column", "note", "says nothing that another column does not say", duplicates(columns)),
    ]
    return [finding for kind, severity, said, names in found for finding in _finding(kind, severity, said, names)]


def _finding(kind: str, severity: Severity, said: str, names: Iterable[str]) -> list[Finding]:
    listed = list(names)
    if not listed:
        return []
    return [Finding(kind, severity, f"column {some(listed, 5)}: {said}")]


def duplicates(columns: Sequence[Column]) -> list[str]:
    """Columns that follow from an earlier one and the earlier from them, as ``'cm' (by 'inch')``.

    Values that are mostly repeated agree where they change together; others must be the same up to unit and zero.
    """
    if not columns or len(columns[0]) < FEWEST:
        return []
    most = max(FEWEST, min(MOST, CELLS // len(columns)))
    some_rows = np.sort(np.random.default_rng(0).permutation(len(columns[0]))[:most])
    alike: dict[bytes, list[str]] = defaultdict(list)
    measured: dict[str, Values] = {}
    for column in (column.take(some_rows) for column in columns if column.type in USED):
        codes, _ = codes_of(column)
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        if 1 < len(first) <= len(codes) / 2:
            order = np.argsort(np.argsort(first))  # values by where they come first
            alike[bytes(order[inverse].astype(np.int32).data)].append(column.name)
        elif len(first) > 1 and column.type not in CODED:
            measured[column.name] = _without_unit(column)
        elif len(first) > 1:
            alike[bytes(column.facts().data)].append(column.name)
    found = [(name, names[0]) for names in alike.values() for name in names[1:]] + _same(measured)
    place = {column.name: i for i, column in enumerate(columns)}
    return [f"{name!r} (by {other!r})" for name, other in sorted(found, key=lambda pair: place[pair[0]])]


def _without_unit(column: Column) -> Values:
    """Numbers of mean 0 and spread 1 whose largest is positive; 0 where missing or infinite."""
    values = np.where(column.missing, np.nan, column.values.astype(np.float64))
    values[np.isinf(values)] = np.nan
    values = values / (np.nanmax(np.abs(values), initial=0.0) or 1.0)
    values = values - np.nanmean(values)
    values = values / (np.nanstd(values) or 1.0)
    found: Values = np.nan_to_num(values * np.sign(values[np.nanargmax(np.abs(values))]))
    return found


def _same(measured: dict[str, Values]) -> list[tuple[str, str]]:
    """Columns whose numbers are those of one before; equal ones are neighbours on any line, so that one is enough."""
    if len(measured) < 2:
        return []
    names, table = list(measured), np.stack(list(measured.values()))
    along = table @ np.random.default_rng(0).normal(size=table.shape[1])
    order = np.argsort(along, kind="stable")
    found, first = [], order[0]
    for other in order[1:]:
        if np.abs(table[first] - table[other]).max() < CLOSE:
            a, b = sorted((int(first), int(other)))
            found.append((names[b], names[a]))
            first = a
        else:
            first = other
    return found


def _is_wordy(column: Column) -> bool:
    used = column.used
    return len(used) >= LEVELS and float(np.median([len(level.split()) for level in used])) >= WORDS
