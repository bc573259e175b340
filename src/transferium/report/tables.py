"""The rows of the tables that show intervals: every metric, and our method beside its references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferium.report.axis import Axis, round_axis
from transferium.report.presentation import CLASSES, Presentation, Scale, Write, presentation
from transferium.report.strips import scale, whisker
from transferium.report.words import NARROW, NOTHING, REFERENCES, amount, number, percent, short_amount, spoken


@dataclass(frozen=True)
class Row:
    """One line of a table: a name, what it means, the figure, its interval in words and drawn."""

    name: str
    note: str
    figure: str
    interval: str
    chart: str
    ours: bool = False


@dataclass(frozen=True)
class Group:
    """Rows that share one axis, with the axis drawn."""

    title: str
    scale: str
    rows: list[Row]


def interval_words(given: Any, write: Write = percent) -> str:
    """The ends of an interval in words, or nothing where there is none.

    >>> interval_words({"value": 0.9, "low": 0.85, "high": 0.93}).replace("\\u202f", " ")
    '85.0 to 93.0 %'
    """
    low, high = _ends(given)
    if low is None or high is None:
        return ""
    left, right = write(low), write(high)
    return f"{left.removesuffix(f'{NARROW}%')} to {right}"


def _ends(given: Any) -> tuple[float | None, float | None]:
    if not isinstance(given, Mapping):
        return None, None
    return number(given.get("low")), number(given.get("high"))


def is_interval(given: Any) -> bool:
    """Whether a value of an evaluation is a figure with an interval, and not a table.

    >>> is_interval({"value": 0.9, "low": 0.8, "high": 1.0}), is_interval([1, 2]), is_interval(3)
    (True, False, False)
    """
    return isinstance(given, Mapping) and "value" in given


def metric_groups(test: Mapping[str, Any], shown: Presentation = CLASSES) -> list[Group]:
    """Every figure of an evaluation: known ones first and in a fixed order, each kind on an axis of its own."""
    known = [name for name in shown.metrics if is_interval(test.get(name))]
    names = known + [name for name, given in test.items() if is_interval(given) and name not in shown.metrics]
    on = [(_scale_of(name, shown.scales), name) for name in names]
    groups = [_group(s, [name for mine, name in on if mine is s], test, shown) for s in shown.scales]
    return [g for g in groups if g.rows]


def _scale_of(name: str, scales: Sequence[Scale]) -> Scale:
    rest = next(s for s in scales if not s.marks)
    return next((s for s in scales if any(mark in name for mark in s.marks)), rest)


def _group(on: Scale, names: list[str], test: Mapping[str, Any], shown: Presentation) -> Group:
    values = list(_values(test[name] for name in names)) + ([0.0] if on.zero else [])
    limit = on.most if on.most is not None and max(values, default=0.0) <= on.most else float("inf")
    axis = round_axis(values, least=0.0 if min(values, default=0.0) >= 0 else float("-inf"), most=limit)
    rows = [_row(shown.name(name), "", test[name], axis, on.write) for name in names]
    return Group(on.title, scale(axis, _short(on.write)), rows)


def figure_row(test: Mapping[str, Any], metric: str, shown: Presentation) -> Row | None:
    """One metric in words alone, written as in the table of metrics; None where it was not measured."""
    given, write = test.get(metric), _scale_of(metric, shown.scales).write
    return Row(shown.name(metric), "", write(given), interval_words(given, write), "") if given else None


def _values(given: Iterable[Any]) -> Iterable[float]:
    for interval in given:
        yield from (v for v in (number(interval), *_ends(interval)) if v is not None)


def _short(write: Write) -> Callable[[float], str]:
    """How the numbers of an axis are written: without the sign that its title bears."""
    if write is percent:
        return lambda v: f"{100 * v:g}"
    return short_amount if write is amount else lambda v: f"{v:g}"


def _row(name: str, note: str, given: Any, axis: Axis, write: Write, *, ours: bool = False) -> Row:
    low, high = _ends(given)
    chart = whisker(axis, number(given), low, high, tone="ours" if ours else "plain")
    return Row(name, note, write(given), interval_words(given, write), chart, ours)


def reference_group(run: Mapping[str, Any]) -> Group | None:
    """Our method beside every reference with the headline metric, best first; None where there is no reference."""
    shown = presentation(run)
    metric, write = shown.headline, shown.write
    beside = {n: m[metric] for n, m in (run.get("references") or {}).items() if is_interval(m.get(metric))}
    if not beside:
        return None
    ours = run["test"][metric]
    most = float("inf") if shown.most is None else shown.most
    axis = round_axis(list(_values([ours, *beside.values()])), least=0.0, most=most, ticks=5)
    rows = [_row(*_reference(n), given, axis, write) for n, given in beside.items()]
    sign = 1 if shown.lower_is_better else -1
    order = sorted(zip(rows, beside.values(), strict=True), key=lambda pair: sign * (number(pair[1]) or 0.0))
    note = " on ".join(str(run[key]) for key in ("method", "backbone") if run.get(key))
    first = _row("This model", note, ours, axis, write, ours=True)
    return Group(shown.axis, scale(axis, _short(write)), [first, *(row for row, _ in order)])


def _reference(name: str) -> tuple[str, str]:
    """What a reference is called, and what it is, where that is known."""
    return REFERENCES.get(name, (spoken(name), ""))


def attacked_group(run: Mapping[str, Any]) -> Group | None:
    """The model and the probe, clean and attacked, on one axis; None where nothing was attacked."""
    given = run.get("attacked") or {}
    if not given:
        return None
    names = {"model": "This model", "probe": "Linear probe"}
    lines = [
        (f"{names.get(who, spoken(who))}, {state}", a[state], who == "model")
        for who, a in given.items()
        for state in ("clean", "attacked")
    ]
    axis = round_axis(list(_values(figure for _, figure, _ in lines)), least=0.0, most=1.0, ticks=5)
    rows = [_row(name, "", figure, axis, percent, ours=ours) for name, figure, ours in lines]
    return Group("Accuracy, %", scale(axis, _short(percent)), rows)


def ablation_group(run: Mapping[str, Any]) -> Group | None:
    """What each kind of column adds: the paired gain over the model without it; None where none was left out."""
    given = [row for row in run.get("ablations") or () if is_interval(row.get("adds"))]
    if not given:
        return None
    shown = presentation(run)
    axis = round_axis([*_values(row["adds"] for row in given), 0.0])
    rows = []
    for row in given:
        low, high = _ends(row["adds"])
        chart = whisker(axis, number(row["adds"]), low, high, tone="plain", zero=True)
        note = f"{shown.write(row['test'][shown.headline])} without it"
        rows.append(Row(row["without"], note, shown.gain(row["adds"]), interval_words(row["adds"], shown.gain), chart))
    return Group(f"Gain{f', {shown.gain_unit}' if shown.gain_unit else ''}", scale(axis, _short(shown.write)), rows)


def cost_rows(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What the model and its rivals cost: name, parameters, megabytes, milliseconds, and what it keeps of each."""
    rivals = run.get("rivals") or {}

    def row(name: str, cost: Mapping[str, Any]) -> tuple[str, ...]:
        called = "This model" if name == "model" else _reference(name)[0]
        size, each, kept = cost.get("bytes"), cost.get("milliseconds"), rivals.get("kept", {}).get(name)
        return (
            called,
            NOTHING if cost.get("parameters") is None else f"{cost['parameters']:,}",
            NOTHING if size is None else f"{size / 1e6:.2f}{NARROW}MB",
            NOTHING if each is None else f"{each:.2f}{NARROW}ms",
            "" if kept is None else percent(kept),
        )

    return [row(name, cost) for name, cost in rivals.get("costs", {}).items()]


def few_shots_group(run: Mapping[str, Any]) -> Group | None:
    """The methods that were compared over draws of a few labels, best first; None where none were."""
    given = [row for row in (run.get("few_shots") or {}).get("methods") or () if is_interval(row.get("accuracy"))]
    if not given:
        return None
    axis = round_axis(list(_values(row["accuracy"] for row in given)), least=0.0, most=1.0, ticks=5)
    ordered = sorted(given, key=lambda row: -(number(row["accuracy"]) or 0.0))
    rows = [
        _row(
            row["method"],
            f"draws {percent(min(row['draws']))} to {percent(max(row['draws']))}",
            row["accuracy"],
            axis,
            percent,
        )
        for row in ordered
    ]
    return Group("Accuracy, %", scale(axis, _short(percent)), rows)


def difference_row(run: Mapping[str, Any]) -> Row | None:
    """The paired gain over no transfer, on an axis that holds nought; None where it was not measured."""
    given = run.get("difference")
    if not is_interval(given) or number(given) is None:
        return None
    low, high = _ends(given)
    axis = round_axis([*_values([given]), 0.0])
    chart = whisker(axis, number(given), low, high, tone="ours", zero=True)
    decided = (run.get("rivals") or {}).get("decided_by") or ("source_only" if run.get("adaptation") else "no_transfer")
    name = f"Gain over {_reference(decided)[0].lower()}"
    write = presentation(run).gain
    return Row(name, "", write(given), interval_words(given, write), chart)
