"""The sides of an evaluation as sections of a page: intervals drawn to scale, small tables, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transferium.report.axis import round_axis
from transferium.report.charts import Point, curves
from transferium.report.strips import scale, whisker
from transferium.report.tables import Group, Row, interval_words, is_interval
from transferium.report.words import STRANGENESS, amount, decimal, number, percent, spoken

Told = Mapping[str, Any]
Write = Callable[[Any], str]


@dataclass(frozen=True)
class Plain:
    """A small table: its name, the names of its columns, and its rows; the first cell of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Drawn:
    """A chart with its title and the names of its lines."""

    title: str
    chart: str
    names: Sequence[str]


@dataclass(frozen=True)
class Section:
    """What one side has to show, under its ``title``; ``notes`` are sentences."""

    title: str
    groups: Sequence[Group] = ()
    tables: Sequence[Plain] = ()
    charts: Sequence[Drawn] = ()
    notes: Sequence[str] = ()
    side: str = ""


def sections(sides: Mapping[str, Any]) -> list[Section]:
    """A section for each side, in their order; of one that could not be looked at, why."""
    made = []
    for name, told in sides.items():
        if name not in SHOWN:
            continue
        title, show = SHOWN[name]
        missing = set(told) <= {"reason", "seconds"}
        section = Section(title, notes=[f"Not said: {told['reason']}."]) if missing else show(title, told)
        made.append(replace(section, side=name))
    return made


def writes(figure: str) -> Write:
    """How a figure is written: a share in percent, an amount with its digits, anything else as a number."""
    return percent if figure.endswith("accuracy") else amount if figure == "mae" else decimal


def drawn_intervals(title: str, given: Mapping[str, Any], write: Write, *, zero: bool = False) -> Group:
    """Figures with their intervals on one axis; ``zero`` marks nought on it."""
    known = {name: one for name, one in given.items() if is_interval(one) and one["low"] is not None}
    ends = [float(one[end]) for one in known.values() for end in ("value", "low", "high")]
    axis = round_axis(ends + [0.0] * zero)
    rows = []
    for name, one in known.items():
        chart = whisker(axis, number(one), one["low"], one["high"], zero=zero)
        rows.append(Row(name, "", write(one), interval_words(one, write), chart))
    shares = write is percent
    return Group(title, scale(axis, lambda v: f"{100 * v:g}" if shares else f"{v:g}"), rows)


def lines(title: str, x: str, y: str, series: Mapping[str, Sequence[Point]]) -> Drawn:
    """Curves over one axis."""
    return Drawn(title, curves(series, x, y), list(series))


def _gap(title: str, told: Told) -> Section:
    write, figure = writes(told["figure"]), spoken(told["figure"])
    both = {
        f"Learned from ({told['train_examples']})": told["train"],
        f"Held out ({told['held_out_examples']})": told["held_out"],
    }
    gap = drawn_intervals("Gap", {"Worse when held out, by": told["gap"]}, write, zero=True)
    return Section(title, [drawn_intervals(figure, both, write), gap])


def _transfer(title: str, told: Told) -> Section:
    both = ("model", "no_transfer")
    rows = [
        [row["class"], str(row["support"]), *(percent(row[key]) if key in row else "" for key in both), row["word"]]
        for row in told.get("by_class", ())
    ]
    head = ["Class", "examples", "found by the model", "without transfer", "with control for all"]
    return Section(title, tables=[Plain("By class", head, rows)] if rows else [], notes=[told["sentence"]])


def _confidence(title: str, told: Told) -> Section:
    figures = {spoken(name): one for name, one in told.items() if is_interval(one)}
    points = [(row["coverage"], row["accuracy"]) for row in told["risk_coverage"]]
    chart = lines("Accuracy where only the surest are answered", "Share answered", "Accuracy", {"accuracy": points})
    return Section(title, [drawn_intervals("Lower is better", figures, decimal)], charts=[chart])


def _conformal(title: str, told: Told) -> Section:
    known = [row for row in told["sets"] if "coverage" in row]
    found = {f"stated {percent(row['stated'], 0)}": row["coverage"] for row in known}
    sizes = {f"stated {percent(row['stated'], 0)}": row["mean_size"] for row in known}
    groups = [drawn_intervals("Coverage, %", found, percent), drawn_intervals(f"Size, {told['size']}", sizes, decimal)]
    notes = [f"{row['reason']}." for row in told["sets"] if "reason" in row]
    return Section(title, groups if known else [], notes=notes)


def _latency(title: str, told: Told) -> Section:
    head = ["At once", "middle", "9 of 10", "99 of 100"]
    rows = [[n, *(f"{ms[p]:.1f} ms" for p in ("p50", "p90", "p99"))] for n, ms in told["milliseconds"].items()]
    adds, peak = told["multiply_adds"], told["peak_memory"]
    facts = [["examples a second", f"{told['examples_a_second']:.0f}"], ["parameters", f"{told['parameters']:,}"]]
    facts += [["on disk", f"{told['bytes'] / 1e6:.1f} MB"]]
    facts += [] if adds is None else [["multiply-adds of an example", f"{adds / 1e6:,.1f} million"]]
    facts += [] if peak is None else [["memory of the process, at most", f"{peak / 1e6:,.0f} MB"]]
    notes = [told["machine"]] + ([f"Not counted: {told['uncounted']}."] if "uncounted" in told else [])
    return Section(
        title,
        tables=[Plain("Time of an answer", head, rows), Plain("Cost", ["Of the model", "value"], facts)],
        notes=notes,
    )


def _cka(title: str, told: Told) -> Section:
    rows = [[spoken(name), decimal(value)] for name, value in told["features"].items()]
    tables = [Plain("Features are like those of", ["Features of", "CKA"], rows)]
    if layers := told.get("layers"):
        cells = [
            [row["block"], *("–" if row[key] is None else decimal(row[key]) for key in ("cka", "drift"))]
            for row in layers
        ]
        tables.append(Plain("Before and after", ["Block", "CKA", "weights moved"], cells))
    return Section(title, tables=tables, notes=[f"{spoken(n)}: {why}." for n, why in told.get("reasons", {}).items()])


def _blocks(title: str, told: Told) -> Section:
    write = writes(told["figure"])
    probes = {f"{row['block']} ({row['channels']} channels)": row["probe"] for row in told["blocks"]}
    dead = [[row["block"], percent(row["dead"])] for row in told["blocks"] if row["dead"]]
    still = [Plain("Channels that never move", ["Block", "dead"], dead)] if dead else []
    said = (
        f"{told['learned_from']} examples to learn from, {told['tested_on']} to be measured on; best: {told['best']}."
    )
    notes = [said] if dead else [said, "No channel is dead on these examples."]
    return Section(title, [drawn_intervals(f"{spoken(told['figure'])} of a probe", probes, write)], still, notes=notes)


def _curve(title: str, told: Told) -> Section:
    series = {
        name: [(p["n"], p[key]) for p in told["points"]]
        for name, key in (("mean", "error"), ("worst draw", "high"), ("best draw", "low"))
    }
    error = told["error"].replace(" - ", " − ")
    error = error[:1].upper() + error[1:]
    more = {f"with {told['more']['n']:,} labels, by the law": told["more"]["error"]}
    notes = [f"It {told['data']}.", *filter(None, [told["worth"].get("sentence")])]
    chart = lines(f"{error} of a probe", "Labels", told["error"], series)
    return Section(title, [drawn_intervals(error, more, decimal)], charts=[chart], notes=notes)


def _robustness(title: str, told: Told) -> Section:
    names = {"model": "this model", "no_transfer": "without transfer"}
    severities = told["severities"]
    rows = [[name, *map(decimal, errors)] for name, errors in told["errors"]["model"].items()]
    series = {
        names[who]: [(s, sum(e[i] for e in by.values()) / len(by)) for i, s in enumerate(severities)]
        for who, by in told["errors"].items()
    }
    chart = [lines("Mean error by severity", "Severity", "Error", series)] if len(severities) > 1 else []
    notes = [
        f"{told['examples']} of {told['of']} examples; their error as they are: {decimal(told['clean']['model'])}."
    ]
    head = ["Error under", *(f"severity {s}" for s in severities)]
    return Section(title, tables=[Plain("Error by corruption", head, rows)], charts=chart, notes=notes)


def _columns(title: str, told: Told) -> Section:
    """Columns of a table; parts of examples are drawn elsewhere."""
    rows = {row["column"]: row["adds"] for row in told.get("columns", ())}
    groups = [drawn_intervals("Error rises by", rows, decimal, zero=True)] if rows else []
    return Section(title, groups, notes=[told["method"][:1].upper() + told["method"][1:] + ("." if not rows else ":")])


def _apart(title: str, told: Told) -> Section:
    found = {said: told[name] for name, said in STRANGENESS.items() if name in told}
    note = f"{told['others']} examples of {told['against']} beside {told['examples']}; 0.5 is as chance has it."
    notes = [note, *(f"{why}." for why in told.get("reasons", {}).values())]
    return Section(title, [drawn_intervals("Area under the ROC curve", found, decimal)], notes=notes)


def _subgroups(title: str, told: Told) -> Section:
    write = writes(told["figure"])
    found = {f"{row['group']} ({row['examples']})": row[told["figure"]] for row in told["groups"]}
    return Section(title, [drawn_intervals(spoken(told["figure"]), found, write)], notes=[told["sentence"]])


SHOWN: dict[str, tuple[str, Callable[[str, Told], Section]]] = {
    "train_test_gap": ("Learned from and held out", _gap),
    "transfer": ("Did transfer help?", _transfer),
    "confidence": ("Confidence", _confidence),
    "conformal": ("Sets with a stated coverage", _conformal),
    "latency": ("Speed and cost", _latency),
    "cka": ("How alike features are", _cka),
    "blocks": ("Where the information is", _blocks),
    "learning_curve": ("What more labels would bring", _curve),
    "robustness": ("Common corruptions", _robustness),
    "why": ("Why", _columns),
    "out_of_distribution": ("Other data told apart", _apart),
    "subgroups": ("Subgroups", _subgroups),
}
"""By side: the title of its section, and what makes that."""
