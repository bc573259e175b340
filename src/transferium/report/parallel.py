"""Parallel coordinates: every trial of a search as one line over the settings it tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from transferium.report.words import decimal, number, plural, spoken

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 46, 30, 34
_BESIDE = ("trial", "state", "log_loss_std", "accuracy", "seconds")
MOST_LINES = 200


def parallel(candidates: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any]) -> str:
    """An inline SVG, or nothing where the candidates are no trials of a search.

    One axis for each setting and one for the log-loss, the best at its top. The better a trial, the darker its line;
    the chosen one is marked. Positive values over two decades stand on a logarithmic axis.
    """
    trials = [c for c in candidates if "trial" in c and number(c.get("log_loss")) is not None]
    if len(trials) < 2:
        return ""
    names = [key for key in dict.fromkeys(key for c in trials for key in c) if key not in (*_BESIDE, "log_loss")]
    trials = sorted(trials, key=lambda c: -float(c["log_loss"]))[-MOST_LINES:]
    axes = [_Axis(name, [c.get(name) for c in trials]) for name in (*names, "log_loss")]
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(axes) - 1)
    places = [_LEFT + step * i for i in range(len(axes))]
    lines = [_line(c, axes, places, i / len(trials), c["trial"] == chosen.get("trial")) for i, c in enumerate(trials)]
    drawn = [axis.drawn(x) for axis, x in zip(axes, places, strict=True)]
    over = ", ".join(map(spoken, names))
    label = f"{plural(len(trials), 'trial')} over {over}; best log-loss {decimal(trials[-1]['log_loss'])}."
    return (
        f'<svg class="chart parallel" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(lines)}{''.join(drawn)}</svg>"
    )


class _Axis:
    """One setting's values from the bottom of the chart to its top; words stand at equal steps."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name = name
        there = [v for v in values if v is not None]
        numbers = [number(v) for v in there]
        self.words: list[str] = []
        if any(v is None for v in numbers):
            self.words = sorted({str(v) for v in there})
            return
        found = [v for v in numbers if v is not None]
        self.low, self.high = min(found), max(found)
        self.logarithmic = self.low > 0 and self.high / self.low >= 100

    def share(self, value: Any) -> float:
        """Where a value stands, from 0 at the bottom; the lowest log-loss stands at the top."""
        if self.words:
            return (self.words.index(str(value)) + 0.5) / len(self.words)
        low, high, at = self.low, self.high, float(number(value) or 0.0)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = 0.5 if high == low else (at - low) / (high - low)
        return 1 - share if self.name == "log_loss" else share

    def drawn(self, x: float) -> str:
        """The axis with its name above and its ends."""
        top, bottom = _y(1.0), _y(0.0)
        ends = [(w, self.share(w)) for w in self.words] or [
            (decimal(v, 4), self.share(v)) for v in (self.low, self.high)
        ]
        ticks = [
            f'<text x="{x:.1f}" y="{_tick_y(s):.1f}" text-anchor="middle">{escape(text)}</text>' for text, s in ends
        ]
        return (
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>{"".join(ticks)}'
            f'<text class="name" x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(spoken(self.name))}</text>'
        )


def _y(share: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _tick_y(share: float) -> float:
    """Beside the end of the axis that it stands for."""
    return _y(share) + (13 if share <= 0.01 else -6 if share >= 0.99 else 4)


def _line(trial: Mapping[str, Any], axes: Sequence[_Axis], places: Sequence[float], rank: float, picked: bool) -> str:
    points = [
        f"{x:.1f},{_y(axis.share(trial[axis.name])):.1f}"
        for axis, x in zip(axes, places, strict=True)
        if trial.get(axis.name) is not None
    ]
    title = f"trial {trial['trial']} ({trial.get('state', '')}): log-loss {decimal(trial['log_loss'], 4)}"
    kind = "trial chosen" if picked else "trial"
    return (
        f'<polyline class="{kind}" style="opacity:{1.0 if picked else 0.12 + 0.6 * rank * rank:.2f}" '
        f'points="{" ".join(points)}"><title>{escape(title)}</title></polyline>'
    )
