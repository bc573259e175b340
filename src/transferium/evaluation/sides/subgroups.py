"""The figure of each subgroup of the examples, and whether one is worse off than the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from transferium.errors import DataError
from transferium.evaluation.sides.looked import Looked
from transferium.functional.bootstrap import NO_INTERVAL, Interval, difference_of, student_quantile, units_of
from transferium.functional.inference.holm import holm

MOST = 50
"""The most subgroups."""
MISSING = "(missing)"
SURE = 0.05


def subgroups(looked: Looked) -> dict[str, Any]:
    """The headline figure of each subgroup with its interval and its difference to all others; the worst; the gap.

    ``p_value`` tests the difference to all others (:func:`p_of`), ``p_adjusted`` is the same with control for as many
    tests as there are groups (Holm); ``worse_off`` are the groups behind the others where that is below 0.05. The
    interval of the gap between the best and the worst holds for whichever pair is chosen (Bonferroni). A group of one
    example, or of examples that all belong together, has no interval and takes part in no test; examples without a
    value are a group of their own. As ``MetricFrame`` of fairlearn. Raises ``DataError`` for fewer than two groups and
    more than 50.
    """
    by = looked.held.domain.by
    assert by is not None
    cells = np.array([MISSING if cell is None else cell for cell in by.tolist()], object)
    names = sorted(set(cells.tolist()), key=lambda name: (name == MISSING, name))
    if not 2 <= len(names) <= MOST:
        many = f"{len(names)} different values" if len(names) > 1 else f"one value ({names[0]})"
        raise DataError(
            f"the column of subgroups has {many} among these examples: give one with 2 to {MOST}, made of ranges where "
            "it holds amounts"
        )
    rows = [_row(looked, name, cells == name) for name in names]
    tested = [row for row in rows if "p_value" in row]
    for row, adjusted in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        row["p_adjusted"] = adjusted
    units = [_units(looked, cells == row["group"]) for row in tested]
    return {"figure": looked.problem.headline, "groups": rows} | _said(looked, tested, units)


def _units(looked: Looked, at: Any) -> int:
    """How many independent examples are marked: those that belong together are one."""
    return units_of(len(at), looked.held.domain.groups, at)


def _row(looked: Looked, name: str, inside: Any) -> dict[str, Any]:
    """One group beside all others."""
    figure, units = looked.problem.headline, _units(looked, inside)
    row: dict[str, Any] = {"group": name, "examples": int(inside.sum())}
    if units == 1:
        value = looked.problem.merit(looked.held.domain.y[inside], looked.held.outputs[inside])
        return row | {figure: {"value": value, "low": None, "high": None, "reason": NO_INTERVAL}}
    own = looked.measured(looked.held.take(inside))[figure]
    row[figure] = own.as_dict()
    others = _units(looked, ~inside)
    if others < 2:
        return row
    gap = difference_of(own, looked.measured(looked.held.take(~inside))[figure])
    return row | {"difference": gap.as_dict(), "p_value": p_of(gap, min(units, others))}


def p_of(gap: Interval, units: int) -> float:
    """The two-sided p-value of nought that belongs to a 95 % interval, by Student's t: 0.05 where that ends at nought.

    ``units`` are the examples of the smaller side, 2 or more: ``t`` has ``units - 1`` degrees of freedom.

    >>> [round(p_of(Interval(1.0, low, 2.0), 3), 3) for low in (0.0, 0.5)]
    [0.05, 0.013]
    """
    from scipy.special import stdtr

    side = gap.value - gap.low if gap.value > 0 else gap.high - gap.value
    if side <= 0:
        return 1.0 if gap.value == 0 else 0.0
    return float(2 * stdtr(units - 1, -abs(gap.value) / side * student_quantile(units - 1)))


def _said(looked: Looked, rows: list[dict[str, Any]], units: list[int]) -> dict[str, Any]:
    """The worst and the best group, the gap between them, and a sentence."""
    if len(rows) < 2:
        return {"worst": None, "best": None, "gap": None, "sentence": "Fewer than two groups can be compared."}
    figure, down = looked.problem.headline, looked.problem.lower_is_better
    ordered = sorted(rows, key=lambda row: row[figure]["value"], reverse=down)
    worst, best = ordered[0], ordered[-1]
    share = SURE * 2 / (len(rows) * (len(rows) - 1))
    wide = {row["group"]: _widened(row[figure], n, share, down) for row, n in zip(rows, units, strict=True)}
    gap = difference_of(*(wide[row["group"]] for row in ((worst, best) if down else (best, worst))))
    sign = 1 if down else -1
    behind = [row["group"] for row in ordered if row["p_adjusted"] < SURE and sign * row["difference"]["value"] > 0]
    chance = "" if worst["group"] in behind else ", which may be chance"
    found = ", ".join(map(repr, behind)) or "none"
    alike = worst[figure]["value"] == best[figure]["value"]
    first = "All groups are alike" if alike else f"{worst['group']!r} is the worst{chance}"
    sentence = f"{first}; worse off than all others, with control for {len(rows)} groups: {found}."
    return {
        "worst": worst["group"],
        "best": best["group"],
        "worse_off": behind,
        "gap": gap.as_dict(),
        "sentence": sentence,
    }


def _widened(told: dict[str, float], units: int, share: float, unbounded: bool) -> Interval:
    """The interval that leaves out a ``share`` in place of 5 %, by Student's t, within what the figure can be."""
    from scipy.special import stdtrit

    by = -float(stdtrit(units - 1, share / 2)) / student_quantile(units - 1)
    value, most = told["value"], math.inf if unbounded else 1.0
    low, high = value - by * (value - told["low"]), value + by * (told["high"] - value)
    return Interval(value, max(0.0, low), min(most, high))
