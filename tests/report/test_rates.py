"""A range test is drawn to scale on the page, apart from the curves of training."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from transferium.report.charts import rate_curve
from transferium.report.choice import training_curves
from transferium.report.page import view
from transferium.report.rates import range_chart

TEST = [{"stage": "range test", "step": i, "epoch": 0, "lr": 10.0 ** (i - 7), "task": v} for i, v in
        enumerate([0.7, 0.7, 0.6, 0.4, 0.3, 0.9, 400.0])]  # fmt: skip
TRAIN = [{"stage": s, "step": i, "epoch": 0, "lr": 1e-4, "task": 0.5} for s in ("head", "all") for i in range(3)]


def run_with(history: list[dict[str, Any]], **chosen: Any) -> dict[str, Any]:
    accuracy = {"value": 0.9, "low": 0.8, "high": 1.0}
    return {"name": "ants", "test": {"accuracy": accuracy}, "history": history, "selection": {"chosen": chosen}}


def lines(svg: str) -> dict[str, list[tuple[float, float]]]:
    found = {}
    for line in ElementTree.fromstring(svg).iter("polyline"):
        points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
        found[line.attrib["class"].split()[-1]] = points
    return found


def test_the_loss_is_drawn_over_the_logarithm_of_the_rate_and_the_taken_rate_as_a_line() -> None:
    drawn = range_chart(run_with(TEST + TRAIN, epoch=2, lr=2.5e-4))
    assert drawn is not None and drawn.chosen == "0.00025"
    found = lines(drawn.chart)
    xs = [x for x, _ in found["after"]]
    steps = [b - a for a, b in pairwise(xs)]
    assert len(xs) == 7 and steps == pytest.approx([steps[0]] * 6, abs=0.11)
    place = xs[0] + (xs[-1] - xs[0]) / 6 * (math.log10(2.5e-4) + 7)
    assert [x for x, _ in found["ideal"]] == pytest.approx([place, place], abs=0.2)


def test_a_burst_is_cut_off_so_that_the_fall_can_be_seen() -> None:
    found = lines(rate_curve([(r["lr"], r["task"]) for r in TEST], None))
    heights = [y for _, y in found["after"]]
    assert heights[4] - heights[0] > 20 and "ideal" not in found


def test_other_runs_have_no_such_chart() -> None:
    assert range_chart(run_with(TRAIN)) is None and range_chart({"name": "x"}) is None
    assert view(run_with(TRAIN), None)["rates"] is None
    assert view(run_with(TEST), None)["rates"] is not None


def test_curves_leave_the_test_out_and_let_stages_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr("transferium.report.choice.curves", lambda lines, *_: seen.update(lines) or "")
    assert training_curves(TEST + TRAIN)
    assert seen["task"] == [(float(i), 0.5) for i in range(6)]
