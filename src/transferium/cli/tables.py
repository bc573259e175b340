"""The tables and lines that a command prints at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.cli.echo import echo
from transferium.cli.progress import is_quiet
from transferium.data.doctor.findings import Finding, worst
from transferium.system.printable import shown

if TYPE_CHECKING:
    from transferium.problems.problem import Wording

ENDS = ("value", "low", "high")


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Columns padded to their widest cell; the first is text, the others are figures.

    >>> print(table([["probe", "0.95"]], ["method", "accuracy"]))
    method  accuracy
    ------  --------
    probe       0.95
    """
    header, *rows = [[shown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *(line(row) for row in rows)])


def interval(metric: dict[str, float] | None, *, percent: bool = False, amount: bool = False) -> str:
    """``94.8 % (90.8 to 98.0)``, ``0.132 (0.090 to 0.181)``, or of an amount ``43.17 (39.28 to 47.01)``."""
    if not metric or metric["value"] is None:
        return "–"
    if amount:
        return _with_ends(metric, ".4g")
    return _with_ends(metric, ".1f", " %", 100) if percent else _with_ends(metric, ".3f")


def _with_ends(metric: dict[str, float], digits: str, unit: str = "", scale: float = 1) -> str:
    """A figure and the ends of its interval, if it has one."""
    value, *ends = (None if metric[end] is None else format(scale * metric[end], digits) for end in ENDS)
    return f"{value}{unit} (no interval)" if None in ends else f"{value}{unit} ({ends[0]} to {ends[1]})"


def figures(measured: dict[str, Any], kind: str) -> list[list[str]]:
    """The figures that a short table shows for a kind of problem, each with its interval."""
    from transferium.problems.catalogue import PROBLEMS

    amount = PROBLEMS[kind].wording.scale != 100
    return [
        [label, interval(measured.get(key), percent=key.endswith("accuracy"), amount=amount)]
        for key, label in PROBLEMS[kind].shown
    ]


def evaluated(measured: dict[str, Any], kind: str, title: str) -> str:
    """What ``evaluate`` says of one model; figures of examples that it learned from are called training figures."""
    training = "training " if measured["learned_from"] == measured["given"] else ""
    rows = [[f"{training}{label}", value] for label, value in figures(measured, kind)]
    said = measured["learned_from_sentence"]
    return "\n".join([table(rows, [title, "value (95 % interval)"]), *([said] if said else [])])


def say_end(
    run: dict[str, Any], summary: Callable[[dict[str, Any]], str], out: Path, models: str, *, as_json: bool
) -> None:
    """The end of a fit: its result as JSON, or the summary and where everything was written; nothing if quiet."""
    if as_json:
        echo(json.dumps(run, ensure_ascii=False))
    elif not is_quiet():
        echo(summary(run))
        echo(f"Written to {out}: report.html, metrics.json, predictions.csv, doctor.json and {models}.")


def summary(run: dict[str, Any]) -> str:
    """The short table at the end of ``fit``."""
    division, test = run["division"], run["test"]
    rows = figures(test, run["problem"])
    ours = [f"{run['method']} on {run['backbone']}", rows[0][1]]
    beside = [[n.replace("_", " "), figures(r, run["problem"])[0][1]] for n, r in run["references"].items()]
    (headline, _), *_ = rows
    held = division.get("held_out", "test")
    parts = [f"{division['train']} train", f"{division['val']} val", f"{division['test']} {held}"]
    counts = ", ".join(part for part in parts if not part.startswith("0 "))
    lines = [
        f"{run['name']}: {counts}. {division['rule']}",
        "",
        table(rows, [f"on the {held} part", "value (95 % interval)"]),
        "",
        table([ours, *beside], ["beside", f"{headline} (95 % interval)"]),
        "",
        *ablations(run.get("ablations") or (), run["problem"]),
        *costs(run.get("rivals") or {}),
        *few_shots(run.get("few_shots") or {}),
        *attacked(run.get("attacked") or {}, of=run["test"].get("examples")),
        run["verdict_sentence"],
        *run.get("remarks", ()),
        chosen(run["selection"]),
    ]
    lines += doctors(run["doctor"]["findings"], run["doctor"])
    return "\n".join([*lines, f"{run['seconds']['total']:.1f} s in all."])


def ablations(given: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """The model without each kind of column, and what that adds to the whole one; nothing where there is none."""
    if not given:
        return []
    from transferium.problems.catalogue import PROBLEMS

    wording = PROBLEMS[kind].wording
    rows = [[row["without"], figures(row["test"], kind)[0][1], _added(row["adds"], wording)] for row in given]
    return [table(rows, ["without", f"{figures(given[0]['test'], kind)[0][0]} (95 % interval)", "it adds"]), ""]


def _added(adds: dict[str, float], wording: Wording) -> str:
    return _with_ends(adds, "+.1f" if wording.unit else "+.4g", wording.unit, wording.scale)


def costs(rivals: dict[str, Any]) -> list[str]:
    """What the model and its rivals cost, and how much of a rival's figure the model has; nothing without rivals."""
    if not rivals:
        return []
    rows = []
    for name, cost in rivals["costs"].items():
        parameters, size, each = cost["parameters"], cost["bytes"], cost["milliseconds"]
        kept = rivals["kept"].get(name)
        rows.append(
            [
                name.replace("_", " "),
                "–" if parameters is None else f"{parameters:,}",
                "–" if size is None else megabytes(size),
                "–" if each is None else f"{each:.2f}",
                "" if kept is None else f"{100 * kept:.1f} %",
            ]
        )
    return [table(rows, ["cost", "parameters", "size", "ms an example", "the model has of its figure"]), ""]


def attacked(given: dict[str, Any], of: int | None = None) -> list[str]:
    """Accuracy clean and under attack, of the model and of the probe; nothing where nothing was attacked.

    Where not all ``of`` the test examples were attacked, their clean accuracy is not the one above, and that is said.
    """
    if not given:
        return []
    rows = [[who, *(interval(a[state], percent=True) for state in ("clean", "attacked"))] for who, a in given.items()]
    first = next(iter(given.values()))
    some = f"{first['examples']} of the {of}" if of and of > first["examples"] else str(first["examples"])
    return [table(rows, [f"{some} test examples", "clean", first["attack"]]), ""]


def few_shots(given: dict[str, Any]) -> list[str]:
    """The methods that were compared over draws, best first, and why others were not; nothing where none were."""
    measured = [row for row in given.get("methods", ()) if "accuracy" in row]
    if not measured:
        return []
    best_first = sorted(measured, key=lambda row: -row["accuracy"]["value"])
    rows = [
        [
            row["method"],
            interval(row["accuracy"], percent=True),
            f"{100 * min(row['draws']):.1f} to {100 * max(row['draws']):.1f}",
            f"{row['seconds']:.1f} s",
        ]
        for row in best_first
    ]
    times = "1 draw" if given["draws"] == 1 else f"{given['draws']} draws"
    header = [f"{given['shots']} labels a class, {times}", "accuracy (95 % interval)", "of each draw", "a draw"]
    out = [f"{row['method']} was left out: {row['left_out']}" for row in given["methods"] if "left_out" in row]
    return [table(rows, header), *out, ""]


def chosen(selection: dict[str, Any]) -> str:
    """How it was chosen, in one line; a line more for each method that was tried."""
    tried = [
        f"  {row['method']}: {row['kept']}, accuracy {100 * row['accuracy']:.1f} % on {row['examples']} examples, "
        f"{row['seconds']} s"
        if "accuracy" in row
        else f"  {row['method']}: not tried, {row['kept']}, {row['seconds']} s"
        for row in selection["candidates"]
        if "kept" in row
    ]
    values = ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in selection["chosen"].items()
    )
    return "\n".join([f"Chosen: {values}. Rule: {selection['rule']}; on {selection['data']}.", *tried])


def doctors(said: Sequence[dict[str, Any]], doctor: dict[str, Any]) -> list[str]:
    """The two worst of the findings ``said``, one line each, and how many the doctor has in all."""
    grave = worst(Finding(f["kind"], f["severity"], f["message"]) for f in said)
    counts = severities(doctor)
    more = [f"The doctor found {counts}: see report.html or doctor.json."] if counts else []
    return [f"Mind: {finding.message}." for finding in grave] + more


def severities(doctor: dict[str, Any]) -> str:
    """``1 error, 3 warnings``; empty when there is nothing to say."""
    counts: dict[str, int] = {}
    for finding in doctor["findings"]:
        counts[finding["severity"]] = counts.get(finding["severity"], 0) + 1
    order = [s for s in ("error", "warning", "note") if s in counts]
    return ", ".join(f"{counts[s]} {s}{'s' if counts[s] > 1 else ''}" for s in order)


def findings(doctor: dict[str, Any]) -> str:
    """The doctor's findings, one line each, the worst first."""
    rank = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(doctor["findings"], key=lambda f: rank[f["severity"]])
    return "\n".join(f"{f['severity']:<8} {f['kind']:<18} {f['message']}" for f in ordered) or "nothing to report"


def of_columns(facts: Sequence[dict[str, Any]]) -> str:
    """One line for each column of a table; ``relation`` is the share of the label's variance it explains alone."""
    heads = ["column", "type", "missing", "levels", "range, or most frequent", "relation to the label"]
    told = any(one["relation"] is not None for one in facts)

    def line(one: dict[str, Any]) -> list[str]:
        holds = "–"
        if one["low"] is not None:
            holds = f"{one['low']} to {one['high']}"
        elif one["common"] is not None:
            holds = f"{_short(one['common'])} {100 * one['share']:.0f} %"
        gaps = f"{one['missing']:,} ({100 * one['missing'] / one['rows']:.1f} %)" if one["missing"] else "0"
        relation = "–" if one["relation"] is None else f"{one['relation']:.2f}"
        return [one["name"], one["type"], gaps, f"{one['levels']:,}", holds, *[relation] * told]

    note = "Relation: the share of the label's variance that the column explains alone; 1 is all of it."
    return "\n".join([table([line(one) for one in facts], heads if told else heads[:-1]), *[note] * told])


def _short(text: str, most: int = 24) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def megabytes(size: float) -> str:
    """``18.8 MB``."""
    return f"{size / 1e6:,.1f} MB"
