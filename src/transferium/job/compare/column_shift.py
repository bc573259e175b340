"""Which columns of two tables are distributed differently, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import CODED, USED, Column
from transferium.data.columns.infer import as_type
from transferium.data.columns.table import Table
from transferium.data.doctor.findings import some
from transferium.functional.shift.surface import standardised_difference, total_variation

NOTABLE = {"standardised difference": 0.5, "total variation": 0.2}
"""From where on a column is named: a medium difference by convention, and what it makes of two normal distributions."""
DAY = 86_400.0


def column_shifts(source: Table, target: Table) -> list[dict[str, Any]]:
    """One row for each column that both have and something is learned from, those that moved most first.

    Numbers and dates (days since 1970) are compared by the standardised difference of their means, levels by the total
    variation of their shares, ``Σ |p - q| / 2``; missing cells do not count there, and where their share moved, they
    have a row of their own. ``source`` and ``target`` are the means, or the shares of the level that moved most.
    """
    rows: list[dict[str, Any]] = []
    for column in source.columns:
        if column.type in USED and column.name in target:
            other = as_type(target[column.name], column.type)
            rows += _of_levels(column, other) if column.type in CODED else _of_numbers(column, other)
            rows += _of_gaps(column, other)
    return sorted(rows, key=lambda row: -abs(row["difference"]) / NOTABLE[row["statistic"]])


def notable(rows: list[dict[str, Any]]) -> list[str]:
    """The columns that moved notably, as they are named in a sentence, those that moved most first."""
    there = [row for row in rows if abs(row["difference"]) >= NOTABLE[row["statistic"]]]
    return [f"{row['measure']} ({row['statistic']} {row['difference']:.2f})" for row in there]


def unseen_levels(source: Table, target: Table) -> list[str]:
    """Columns with levels that only the target has, these levels, and the share of its rows that have one."""
    found = []
    for column in source.columns:
        if column.type not in ("category", "boolean") or column.name not in target:
            continue
        other = as_type(target[column.name], column.type)
        known = {*column.used}
        new = [level for level in other.used if level not in known]
        if new:
            at = [code for code, level in enumerate(other.levels) if level not in known]
            share = 100 * float(np.isin(other.values, at).mean())
            found.append(f"{column.name!r}: {some(map(repr, new))} ({share:.1f} % of its rows)")
    return found


def _of_numbers(column: Column, other: Column) -> list[dict[str, Any]]:
    scale = DAY if column.type == "date" else 1.0
    sides = [one.values[~one.missing].astype(np.float64) / scale for one in (column, other)]
    here, there = (values[np.isfinite(values)] for values in sides)
    if not len(here) or not len(there):
        return []
    return [
        _row(column.name, "standardised difference", here.mean(), there.mean(), standardised_difference(here, there))
    ]


def _of_levels(column: Column, other: Column) -> list[dict[str, Any]]:
    levels = list(dict.fromkeys((*column.levels, *other.levels)))
    p, q = (_shares(one, levels) for one in (column, other))
    if not p.any() or not q.any():
        return []
    moved = int(np.abs(p - q).argmax())
    return [
        _row(f"{column.name} (most: {levels[moved]})", "total variation", p[moved], q[moved], total_variation(p, q))
    ]


def _shares(column: Column, levels: list[str]) -> NDArray[np.float64]:
    place = {level: i for i, level in enumerate(levels)}
    at = np.array([place[level] for level in column.levels], np.intp)
    shares = np.zeros(len(levels))
    if len(at):
        shares += np.bincount(at[column.values[column.values >= 0]], minlength=len(levels))
    shares /= max(shares.sum(), 1.0)
    return shares


def _of_gaps(column: Column, other: Column) -> list[dict[str, Any]]:
    here, there = float(column.missing.mean()), float(other.missing.mean())
    return (
        [_row(f"{column.name} (missing)", "total variation", here, there, abs(there - here))] if here != there else []
    )


def _row(name: str, statistic: str, source: float, target: float, difference: float) -> dict[str, Any]:
    found = {"source": float(source), "target": float(target), "difference": float(difference)}
    return {"measure": name, "statistic": statistic} | found
