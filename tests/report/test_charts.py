"""Charts are drawn to scale: places on the canvas are read back and compared with the numbers."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from transferium.report.axis import round_axis
from transferium.report.charts import MOST_POINTS, Candidate, Frame, curves, path, reliability
from transferium.report.strips import scale, share_bar, stacked, whisker


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def percents(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.attrib[name].removesuffix("%")) for name in names]


@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [0.831, 0.979], [3.0], [0.0], [-2.5, 7.0], [1e-7, 3e-7], [99_999.0, 123_456.0], []]
)
def test_a_round_axis_holds_its_values_on_few_even_ticks(values: list[float]) -> None:
    axis = round_axis(values)
    assert axis.low < axis.high
    assert all(axis.low - 1e-12 <= v <= axis.high + 1e-12 for v in values)
    assert 2 <= len(axis.ticks) <= 7
    steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)


def test_an_axis_of_shares_does_not_leave_nought_to_one() -> None:
    axis = round_axis([0.993, 1.0], least=0.0, most=1.0)
    assert axis.high == 1.0
    assert round_axis([1.0], least=0.0, most=1.0).high == 1.0


def test_a_whisker_is_drawn_to_scale() -> None:
    axis = round_axis([0.0, 1.0])
    svg = parsed(whisker(axis, 0.9, 0.8, 0.95))
    (bar,) = svg.iter("rect")
    (dot,) = svg.iter("circle")
    assert percents(bar, "x", "width") == pytest.approx([80.0, 15.0])
    assert percents(dot, "cx") == pytest.approx([90.0])


def test_a_whisker_without_an_interval_has_a_dot_alone() -> None:
    svg = parsed(whisker(round_axis([0.0, 1.0]), 0.5, None, None))
    assert not list(svg.iter("rect"))
    assert len(list(svg.iter("circle"))) == 1
    assert not list(parsed(whisker(round_axis([0.0, 1.0]), None, None, None)).iter("circle"))


def test_nought_is_marked_where_a_difference_may_change_sign() -> None:
    axis = round_axis([-0.1, 0.3])
    (zero,) = (
        line
        for line in parsed(whisker(axis, 0.1, -0.1, 0.3, zero=True)).iter("line")
        if "zero" in line.get("class", "")
    )
    assert percents(zero, "x1")[0] == pytest.approx(100 * axis.share(0.0), abs=0.01)


def test_the_numbers_of_a_scale_stand_at_their_ticks() -> None:
    axis = round_axis([40.0, 100.0])
    texts = list(parsed(scale(axis, "{:g}".format)).iter("text"))
    expected = [100 * axis.share(float(t.text or 0)) for t in texts]
    assert [percents(t, "x")[0] for t in texts] == pytest.approx(expected, abs=0.01)
    assert texts[-1].attrib["text-anchor"] == "end"


def test_a_stacked_bar_is_cut_in_proportion() -> None:
    parts = list(parsed(stacked([1.0, 2.0, 5.0], ["a", "b", "<c>"])).iter("rect"))
    assert [percents(p, "x", "width") for p in parts] == [[0.0, 12.5], [12.5, 25.0], [37.5, 62.5]]
    assert parts[2][0].text == "<c>"
    assert percents(next(parsed(share_bar(0.25)).iter("rect")), "width") == [25.0]


def test_a_frame_puts_the_ends_of_its_axes_in_its_corners() -> None:
    frame = Frame(round_axis([0.0, 10.0]), round_axis([0.0, 1.0]))
    left, bottom = frame.at(0.0, 0.0)
    right, top = frame.at(10.0, 1.0)
    assert frame.at(5.0, 0.5) == pytest.approx(((left + right) / 2, (top + bottom) / 2))
    assert top < bottom
    assert left < right


def test_calibrated_bins_lie_on_the_diagonal_and_larger_bins_have_larger_dots() -> None:
    bins = [{"confidence": c, "accuracy": c, "count": n} for c, n in ((0.2, 4), (0.6, 16), (1.0, 64), (0.0, 0))]
    svg = parsed(reliability(bins))
    dots = list(svg.iter("circle"))
    assert len(dots) == 3, "a bin without examples is not drawn"
    ideal = next(line for line in svg.iter("polyline") if "ideal" in line.get("class", ""))
    (x0, y0), (x1, y1) = (tuple(map(float, p.split(","))) for p in ideal.attrib["points"].split())
    for dot in dots:
        x, y = float(dot.attrib["cx"]), float(dot.attrib["cy"])
        assert y == pytest.approx(y0 + (y1 - y0) * (x - x0) / (x1 - x0), abs=0.2)
    radii = [float(dot.attrib["r"]) for dot in dots]
    assert radii == sorted(radii)
    assert radii[0] < radii[-1]
    assert "20\u202f% sure, 20\u202f% right" in svg.attrib["aria-label"]


def test_overconfidence_lies_below_the_diagonal() -> None:
    svg = parsed(
        reliability(
            [{"confidence": 0.9, "accuracy": 0.5, "count": 10}], [{"confidence": 0.9, "accuracy": 0.9, "count": 10}]
        )
    )
    before, after = svg.iter("circle")
    assert float(after.attrib["cy"]) > float(before.attrib["cy"])


def test_a_path_spaces_powers_of_ten_evenly_and_marks_the_chosen_one() -> None:
    tried = [Candidate(10.0**e, m, m - 0.1, m + 0.1) for e, m in ((1, 0.6), (-1, 0.5), (0, 0.4))]
    svg = parsed(path(tried, 1.0, "C", "Log-loss"))
    groups = [g for g in svg.iter("g") if "candidate" in g.get("class", "")]
    xs = [float(g.find("circle").attrib["cx"]) for g in groups]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.11)
    assert ["chosen" in g.attrib["class"] for g in groups] == [False, True, False]
    whiskers = [g.find("line").attrib for g in groups]
    heights = [float(w["y2"]) - float(w["y1"]) for w in whiskers]
    assert heights == pytest.approx([heights[0]] * 3, abs=0.11)
    assert heights[0] > 1


def test_curves_keep_both_lines_on_one_pair_of_axes_and_stay_short() -> None:
    falling = [(float(s), math.exp(-s / 1000)) for s in range(10_000)]
    svg = parsed(curves({"train_loss": falling, "val_loss": [(0.0, 1.0), (9999.0, 0.0)], "none": []}, "Step", "Loss"))
    train, val = (line.attrib["points"].split() for line in svg.iter("polyline"))
    assert MOST_POINTS / 2 < len(train) <= MOST_POINTS
    assert train[0] == val[0]
    assert "train_loss ends at" in svg.attrib["aria-label"]


def test_names_in_charts_are_escaped() -> None:
    evil = '"><script>'
    for svg in (
        path([Candidate(1.0, 1, 1, 1), Candidate(10.0, 2, 2, 2)], None, evil, evil),
        curves({evil: [(0.0, 0.0), (1.0, 1.0)]}, evil, evil),
        stacked([1.0], [evil]),
        whisker(round_axis([0.0, 1.0]), 0.5, 0.4, 0.6, tone=evil),
    ):
        parsed(svg)
        assert not re.search(r"<script", svg)
