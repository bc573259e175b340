"""Charts one line high that stand in the cells of a table and stretch with it.

Places are percentages of the cell's width, so that text, lines and dots keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from transferium.report.axis import Axis


def _at(axis: Axis, value: float) -> str:
    return f"{100 * axis.share(value):.2f}%"


def _grid(axis: Axis) -> str:
    lines = (f'<line class="tick" x1="{_at(axis, t)}" x2="{_at(axis, t)}" y1="0" y2="100%"/>' for t in axis.ticks)
    return "".join(lines)


def whisker(
    axis: Axis, value: float | None, low: float | None, high: float | None, *, tone: str = "plain", zero: bool = False
) -> str:
    """A dot at ``value`` with its interval as a bar, drawn to the scale of ``axis``; ``zero`` marks nought.

    >>> from transferium.report.axis import round_axis
    >>> 'cx="50.00%"' in whisker(round_axis([0.0, 1.0]), 0.5, 0.4, 0.6)
    True
    """
    marks = [_grid(axis)]
    if zero and axis.low <= 0 <= axis.high:
        marks.append(f'<line class="zero" x1="{_at(axis, 0)}" x2="{_at(axis, 0)}" y1="0" y2="100%"/>')
    if low is not None and high is not None:
        width = 100 * (axis.share(high) - axis.share(low))
        marks.append(f'<rect class="interval" x="{_at(axis, low)}" width="{width:.2f}%" y="50%" height="8" rx="4"/>')
    if value is not None:
        marks.append(f'<circle class="dot" cx="{_at(axis, value)}" cy="50%" r="4.5"/>')
    return f'<svg class="strip {escape(tone)}" aria-hidden="true" focusable="false">{"".join(marks)}</svg>'


def scale(axis: Axis, write: Callable[[float], str]) -> str:
    """The numbers under (or over) a column of whiskers; every second one is left out where they would touch."""
    ticks = axis.ticks if len(axis.ticks) <= 4 else axis.ticks[::-1][::2][::-1]
    labels = []
    for tick in ticks:
        share = axis.share(tick)
        anchor = "start" if share < 0.05 else "end" if share > 0.95 else "middle"
        labels.append(f'<text x="{_at(axis, tick)}" y="12" text-anchor="{anchor}">{escape(write(tick))}</text>')
    return f'<svg class="scale" aria-hidden="true" focusable="false">{"".join(labels)}</svg>'


def share_bar(share: float, tone: str = "plain") -> str:
    """A bar from nought to ``share`` of the cell."""
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<svg class="strip bar {escape(tone)}" aria-hidden="true" focusable="false">'
        f'<rect x="0" y="50%" width="{width:.2f}%" height="8" rx="2"/></svg>'
    )


def stacked(parts: Sequence[float], names: Iterable[str]) -> str:
    """One bar cut into parts in proportion; the part's number is its CSS class, for a legend beside it.

    >>> stacked([1.0, 3.0], ["read", "fit"]).count("<rect")
    2
    """
    whole, left, marks = sum(parts) or 1.0, 0.0, []
    for i, (part, name) in enumerate(zip(parts, names, strict=True)):
        width = 100 * part / whole
        marks.append(
            f'<rect class="part c{i % 8}" x="{left:.2f}%" width="{width:.2f}%" y="0" height="100%">'
            f"<title>{escape(name)}</title></rect>"
        )
        left += width
    return f'<svg class="stacked" aria-hidden="true" focusable="false">{"".join(marks)}</svg>'
