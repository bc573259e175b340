"""A learning-rate range test, drawn: the training loss at each rate, and the rate that was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transferium.report.charts import rate_curve
from transferium.report.choice import RANGE_TEST
from transferium.report.words import number

_NO_TERM = ("stage", "step", "epoch", "lr")


@dataclass(frozen=True)
class RangeChart:
    """The drawing, and the rate that was taken in words."""

    chart: str
    chosen: str


def range_chart(run: Mapping[str, Any]) -> RangeChart | None:
    """None where no rates were tested."""
    points = []
    for record in run.get("history") or ():
        rate = number(record.get("lr"))
        terms = [number(value) for key, value in record.items() if key not in _NO_TERM]
        loss = sum(term for term in terms if term is not None)
        if record.get("stage") == RANGE_TEST and rate is not None and rate > 0 and math.isfinite(loss):
            points.append((rate, loss))
    if len(points) < 2:
        return None
    taken = number(((run.get("selection") or {}).get("chosen") or {}).get("lr"))
    return RangeChart(rate_curve(points, taken), "" if taken is None else f"{taken:.3g}")
