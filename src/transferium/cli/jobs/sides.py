"""What ``evaluate --full`` and ``--by`` print: a few lines for each side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transferium.cli.tables import interval, megabytes, table
from transferium.report.words import STRANGENESS

Told = dict[str, Any]


def summary(sides: dict[str, Any]) -> str:
    """The sides in the order in which they were looked at; of one that could not be, why."""
    parts = []
    for name, told in sides.items():
        if not isinstance(told, dict):
            parts.append(str(told))
        elif set(told) <= {"reason", "seconds"}:
            parts.append(f"{name.replace('_', ' ').capitalize()} is not said: {told['reason']}.")
        else:
            parts.append(SHOWN[name](told))
    return "\n" + "\n\n".join(parts)


def _figure(told: Told, name: str, figure: str) -> str:
    """A figure with its interval: a share in percent, anything else as it is."""
    return interval(told[name], percent=figure.endswith("accuracy"), amount=figure == "mae")


def _gap(told: Told) -> str:
    figure = told["figure"]
    rows = [
        [f"{what} ({told[f'{key}_examples']})", _figure(told, key, figure)]
        for key, what in (("train", "learned from"), ("held_out", "held out"))
    ]
    rows.append(["gap", _figure(told, "gap", figure)])
    return table(rows, ["train-test gap", f"{figure.replace('_', ' ')} (95 % interval)"])


def _confidence(told: Told) -> str:
    names = ("calibration_error", "adaptive_calibration_error", "brier", "area_under_risk_coverage")
    rows = [[name.replace("_", " "), interval(told[name])] for name in names]
    curve = told["risk_coverage"]
    shown = [row for row in curve if row["coverage"] >= 0.5][:1] + curve[-1:]
    said = ", ".join(f"{100 * r['accuracy']:.1f} % of the surest {100 * r['coverage']:.0f} %" for r in shown)
    return f"{table(rows, ['confidence', 'value (95 % interval)'])}\nRight are {said}."


def _conformal(told: Told) -> str:
    rows = []
    for row in told["sets"]:
        stated = f"{100 * row['stated']:.0f} %"
        if "reason" in row:
            rows.append([stated, "–", "–"])
        else:
            rows.append([stated, interval(row["coverage"], percent=True), interval(row["mean_size"])])
    head = [f"conformal sets ({told['checked_on']} examples)", "coverage", f"mean size ({told['size']})"]
    return "\n".join([table(rows, head), *(row["reason"] + "." for row in told["sets"] if "reason" in row)])


def _transfer(told: Told) -> str:
    words: dict[str, list[str]] = {"helped": [], "hurt": []}
    for row in told.get("by_class", ()):
        words.get(row["word"], []).append(row["class"])
    by = "; ".join(f"{word} {', '.join(names)}" for word, names in words.items() if names)
    return f"{told['sentence']}{f' By class, with control for all: {by}.' if by else ''}"


def _cka(told: Told) -> str:
    rows = [[name.replace("_", " "), f"{value:.3f}"] for name, value in told["features"].items()]
    lines = [table(rows, [f"features of {told['examples']} examples are like those of", "CKA"])]
    if layers := told.get("layers"):
        cells = [
            [row["block"], *("–" if row[key] is None else f"{row[key]:.3f}" for key in ("cka", "drift"))]
            for row in layers
        ]
        lines += ["", table(cells, ["block, before and after", "CKA", "weights moved"])]
    return "\n".join([*lines, *(f"{name}: {why}." for name, why in told.get("reasons", {}).items())])


def _blocks(told: Told) -> str:
    figure = told["figure"]
    rows = [
        [row["block"], str(row["channels"]), f"{100 * row['dead']:.1f} %", _figure(row, "probe", figure)]
        for row in told["blocks"]
    ]
    head = ["block", "channels", "dead", f"{figure.replace('_', ' ')} of a probe"]
    counts = f"{told['learned_from']} examples to learn from, {told['tested_on']} to be measured on"
    return f"{table(rows, head)}\nBest: {told['best']}, with {counts}."


def _apart(told: Told) -> str:
    rows = [[said, interval(told[name])] for name, said in STRANGENESS.items() if name in told]
    head = [f"{told['others']} others, {told['against']}, told apart by", "area under the ROC curve"]
    shared = f"\n{told['shared']} examples that are in both are left out." if told["shared"] else ""
    return "\n".join([table(rows, head) + shared, *(f"{why}." for why in told.get("reasons", {}).values())])


def _curve(told: Told) -> str:
    rows = [
        [str(p["n"]), str(p["draws"]), f"{p['error']:.3f} ({p['low']:.3f} to {p['high']:.3f})"] for p in told["points"]
    ]
    more, needed = told["more"], told["needed"]
    rows.append([str(more["n"]), "law", interval(more["error"])])
    likely, least = ("more than can be had" if n is None else f"{n:,}" for n in (needed["value"], needed["low"]))
    halved = f"Labels that would halve the error: {likely}, at least {least}."
    if needed["low"] is None:
        halved = (
            "No number of labels is likely to halve the error." if needed["error"] else "No error is left to halve."
        )
    lines = [
        table(rows, ["labels", "draws", f"{told['error'].replace('_', ' ')} of a probe (range)"]),
        f"It {told['data']}. {halved}",
    ]
    return "\n".join([*lines, *filter(None, [told["worth"].get("sentence")])])


def _robustness(told: Told) -> str:
    ours = told["errors"]["model"]
    rows = [[name, *(f"{error:.3f}" for error in errors)] for name, errors in ours.items()]
    clean, mean = told["clean"]["model"], told["mean_error"]["model"]
    said = f"Error of the same {told['examples']} of {told['of']} examples as they are: {clean:.3f}; mean: {mean:.3f}"
    if (share := told["mean_corruption_error"]) is not None:
        said += f", {share:.2f} of that without transfer (mean corruption error)"
    if idle := told["changes_nothing"]:
        said += f". In these examples nothing is changed by {' and '.join(idle)}"
    return f"{table(rows, ['error under', *(f'severity {s}' for s in told['severities'])])}\n{said}."


def _latency(told: Told) -> str:
    rows = [
        [f"{many} at once", *(f"{taken[p]:.1f}" for p in ("p50", "p90", "p99"))]
        for many, taken in told["milliseconds"].items()
    ]
    peak = "" if told["peak_memory"] is None else f", at most {megabytes(told['peak_memory'])} of memory"
    said = f"{told['examples_a_second']:.0f} examples a second; {told['parameters']:,} parameters"
    adds, joules = told["multiply_adds"], told["milliseconds"]["1"]["joules"]
    work = "" if adds is None else f", {adds / 1e6:,.1f} million multiply-adds"
    power = "The system does not tell how much energy that takes" if joules is None else f"{joules:.3f} J for one alone"
    lines = [table(rows, ["ms an answer takes", "p50", "p90", "p99"])]
    return "\n".join([*lines, f"{said}{work}{peak}; {told['machine']}. {power}."])


def _why(told: Told) -> str:
    if "columns" in told:
        rows = [[row["column"], interval(row["adds"])] for row in told["columns"]]
        return table(rows, [f"{told['method']} ({told['rows']} of {told['of']} rows)", "value (95 % interval)"])
    rows = []
    for row in told["examples"]:
        order = sorted(range(len(row["adds"])), key=lambda i: -row["adds"][i])[:3]
        best = "; ".join(f"{row['parts'][i]} ({row['adds'][i]:+.3f})" for i in order)
        rows.append([row["id"], str(row["label"]), str(row["answer"]), best])
    return table(rows, [f"why: {told['method']}", "label", "answer", "parts that add most to it"])


def _subgroups(told: Told) -> str:
    figure = told["figure"]
    rows = []
    for row in told["groups"]:
        gap = _figure(row, "difference", figure) if "difference" in row else "–"
        rows.append([row["group"], str(row["examples"]), _figure(row, figure, figure), gap])
    head = ["subgroup", "examples", figure.replace("_", " "), "difference to all others"]
    gap = "" if told["gap"] is None else f"\nGap between best and worst: {_figure(told, 'gap', figure)}."
    return f"{table(rows, head)}{gap}\n{told['sentence']}"


SHOWN: dict[str, Callable[[Told], str]] = {
    "train_test_gap": _gap,
    "transfer": _transfer,
    "confidence": _confidence,
    "conformal": _conformal,
    "latency": _latency,
    "cka": _cka,
    "blocks": _blocks,
    "out_of_distribution": _apart,
    "learning_curve": _curve,
    "robustness": _robustness,
    "why": _why,
    "subgroups": _subgroups,
}
"""How each side is shown."""
