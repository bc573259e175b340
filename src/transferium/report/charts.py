"""Charts with two axes, as inline SVG: pure functions from numbers to text, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from transferium.report.axis import Axis, round_axis
from transferium.report.words import MINUS, decimal, percent, plural

WIDTH, HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 42
MOST_POINTS = 240
Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """The rectangle a chart is drawn in, and the two axes that map values into it."""

    x: Axis
    y: Axis
    height: int = HEIGHT

    def at(self, x: float, y: float) -> Point:
        """Where the values stand on the canvas, in its units."""
        width, height = WIDTH - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + width * self.x.share(x), _TOP + height * (1 - self.y.share(y))

    def drawn(
        self, x_label: str, y_label: str, write_x: Callable[[float], str], write_y: Callable[[float], str]
    ) -> str:
        """Grid lines, ticks and the names of the axes."""
        left, bottom = self.at(self.x.low, self.y.low)
        right, top = self.at(self.x.high, self.y.high)
        marks = []
        for tick in self.y.ticks:
            y = self.at(self.x.low, tick)[1]
            marks.append(f'<line class="tick" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
            marks.append(f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(write_y(tick))}</text>')
        for tick in self.x.ticks:
            x = self.at(tick, self.y.low)[0]
            marks.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom + 4:.1f}"/>')
            anchor = "end" if x > WIDTH - 24 else "middle"
            marks.append(
                f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="{anchor}">{escape(write_x(tick))}</text>'
            )
        middle, across = (left + right) / 2, (top + bottom) / 2
        marks.append(f'<text class="name" x="{middle:.1f}" y="{bottom + 34:.1f}">{escape(x_label)}</text>')
        marks.append(f'<text class="name" transform="translate(13 {across:.1f}) rotate(-90)">{escape(y_label)}</text>')
        return f'<g class="frame">{"".join(marks)}</g>'


def _canvas(label: str, content: str, height: int = HEIGHT) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{content}</svg>'


def _line(points: Sequence[Point], kind: str) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" points="{drawn}"/>'


def reliability(after: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] = ()) -> str:
    """How often answers of a given confidence are right; on the diagonal confidence can be taken at its word.

    The area of a dot grows with the number of examples behind it; bins without examples are left out.
    """
    after, before = ([b for b in bins if b["count"]] for bins in (after, before))
    least = min((float(b[key]) for b in (*after, *before) for key in ("confidence", "accuracy")), default=0.0)
    axis = round_axis([least, 1.0], least=0.0, most=1.0)
    frame = Frame(axis, axis, 310)
    ends = [frame.at(axis.low, axis.low), frame.at(axis.high, axis.high)]
    content = [
        frame.drawn("Confidence", "Share of right answers", lambda v: percent(v, 0), lambda v: percent(v, 0)),
        _line(ends, "ideal"),
        _bins(frame, before, "before"),
        _bins(frame, after, "after"),
    ]
    spoken = "; ".join(f"{percent(b['confidence'], 0)} sure, {percent(b['accuracy'], 0)} right" for b in after)
    return _canvas(f"Reliability diagram. After calibration: {spoken}.", "".join(content), frame.height)


def _bins(frame: Frame, bins: Sequence[Mapping[str, Any]], kind: str) -> str:
    if not bins:
        return ""
    most = max(b["count"] for b in bins)
    places = [frame.at(b["confidence"], b["accuracy"]) for b in bins]
    dots = []
    for (x, y), b in zip(places, bins, strict=True):
        title = f"{plural(b['count'], 'example')}: {percent(b['confidence'])} sure, {percent(b['accuracy'])} right"
        radius = 2.5 + 6 * math.sqrt(b["count"] / most)
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{kind}: {escape(title)}</title></circle>'
        )
    return f'<g class="bins {kind}">{_line(places, kind)}{"".join(dots)}</g>'


@dataclass(frozen=True)
class Candidate:
    """One tried value of a positive setting with its mean score and how far the folds spread around it."""

    value: float
    mean: float
    low: float
    high: float


def path(candidates: Sequence[Candidate], chosen: float | None, x_label: str, y_label: str) -> str:
    """Score against a setting on a logarithmic axis, with the spread over folds and the chosen value marked."""
    ordered = sorted(candidates, key=lambda c: c.value)
    logs = [math.log10(c.value) for c in ordered]
    first, last = math.floor(min(logs) + 1e-9), math.ceil(max(logs) - 1e-9)
    last = max(last, first + 1)
    every = max(1, math.ceil((last - first) / 6))
    x = Axis(first, last, tuple(float(t) for t in range(first, last + 1, every)))
    frame = Frame(x, round_axis([v for c in ordered for v in (c.low, c.high)]))
    places = [frame.at(log, c.mean) for log, c in zip(logs, ordered, strict=True)]
    content = [frame.drawn(x_label, y_label, _power, _tick), _line(places, "after")]
    for c, place in zip(ordered, places, strict=True):
        picked = chosen is not None and math.isclose(c.value, chosen, rel_tol=1e-6)
        content.append(_candidate(frame, c, place, picked, f"{x_label} {decimal(c.value, 4)}: {y_label.lower()}"))
    said = "" if chosen is None else f" Chosen: {decimal(chosen, 4)}."
    return _canvas(f"{y_label} against {x_label}, {plural(len(ordered), 'candidate')}.{said}", "".join(content))


def _candidate(frame: Frame, c: Candidate, place: Point, picked: bool, name: str) -> str:
    x, y = place
    top, bottom = (frame.at(0, v)[1] for v in (c.high, c.low))
    title = escape(f"{name} {decimal(c.mean)} ({decimal(c.low)} to {decimal(c.high)})")
    return (
        f'<g class="candidate{" chosen" if picked else ""}">'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if picked else 3.5}"><title>{title}</title></circle></g>'
    )


def rate_curve(points: Sequence[Point], chosen: float | None) -> str:
    """Training loss against a rising learning rate on a logarithmic axis; a vertical line stands at ``chosen``.

    Losses above four times the first are cut off at the top: a loss that bursts would flatten all that matters.
    """
    most = 4 * points[0][1]
    logs = [(math.log10(rate), min(loss, most)) for rate, loss in points]
    ends = [x for x, _ in logs] + ([] if chosen is None else [math.log10(chosen)])
    first, last = math.floor(min(ends) + 1e-9), math.ceil(max(ends) - 1e-9)
    x = Axis(first, max(last, first + 1), tuple(float(t) for t in range(first, max(last, first + 1) + 1)))
    frame = Frame(x, round_axis([y for _, y in logs]))
    drawn = [frame.drawn("Learning rate", "Training loss", _power, _tick), _line([frame.at(*p) for p in logs], "after")]
    said = f"Training loss against the learning rate, {plural(len(points), 'step')}."
    if chosen is not None:
        foot, top = (frame.at(math.log10(chosen), y) for y in (frame.y.low, frame.y.high))
        drawn.append(_line([foot, top], "ideal"))
        said += f" Taken: {chosen:.3g}."
    return _canvas(said, "".join(drawn))


def _tick(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)


def _power(exponent: float) -> str:
    return _tick(10.0**exponent)


def curves(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str) -> str:
    """Lines over training steps, at most ``MOST_POINTS`` points each; dashes tell them apart as colours do.

    ``y_label`` is said to screen readers and not drawn: the page sets it above the chart.
    """
    thin = {name: points[:: math.ceil(len(points) / MOST_POINTS)] for name, points in series.items() if points}
    steps = [x for points in thin.values() for x, _ in points]
    values = [y for points in thin.values() for _, y in points]
    frame = Frame(round_axis(steps), round_axis(values))
    lines = []
    for i, points in enumerate(thin.values()):
        places = [frame.at(x, y) for x, y in points]
        lines.append(_line(places, f"series s{i % 4}"))
        if len(places) <= 24:
            lines += [f'<circle class="series s{i % 4}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places]
    last = "; ".join(f"{name} ends at {decimal(points[-1][1])}" for name, points in thin.items())
    drawn = frame.drawn(x_label, "", _tick, _tick)
    return _canvas(f"{y_label} over {x_label.lower()}: {last}.", drawn + "".join(lines))
