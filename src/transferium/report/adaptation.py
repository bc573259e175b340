"""What a report says about two domains: distances, predicted shares, maps, and what became of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from transferium.report.strips import share_bar
from transferium.report.tables import interval_words
from transferium.report.words import decimal, number, percent, points, spoken

SIDE = 300
MARGIN = 10
MOST_CLASSES = 40


@dataclass(frozen=True)
class Domains:
    """The section on source and target, ready for the template."""

    sentence: str
    stripped: bool
    few: str
    collapsed: list[str]
    gave_up: str
    harm: str
    distances: list[tuple[str, str, str, str]]
    remarks: list[str]
    shares: list[tuple[str, str, str, str, str]]
    maps: list[tuple[str, str, str]]
    classes: list[tuple[str, str, str, str, str, str, int]]
    validators: list[str]
    opinions: list[tuple[str, list[str]]]
    notes: list[str]
    oracle: list[tuple[str, str, str]]
    gap: str
    barred: list[str]


def domains(run: Mapping[str, Any]) -> Domains | None:
    """None for a run without a source."""
    told = run.get("adaptation")
    if not told:
        return None
    source, target = told["source"], told["target"]
    given = (
        f"From the model {source['name']}, without the examples that it was made from,"
        if "model" in source
        else f"From {source['name']} ({source['examples']:,} labelled examples)"
    )
    sentence = f"{given} to {target['name']} ({target['examples']:,} inputs without labels); {told.get('rule', '')}."
    oracle = told.get("oracle") or {}
    thought = told.get("opinions") or {"rows": [], "notes": []}
    validators = list(dict.fromkeys(key for row in thought["rows"] for key in row if key != "method"))
    return Domains(
        sentence=sentence,
        stripped=bool(told.get("labels_stripped")),
        few=_few(told.get("few")),
        collapsed=list(told.get("collapsed") or ()),
        gave_up=str(told.get("source_only_collapse") or ""),
        harm=str(run.get("source_harm") or ""),
        distances=[_distance(when, d) for when, d in (told.get("distance") or {}).items()],
        remarks=[f"{spoken(when)}: {d['note']}." for when, d in (told.get("distance") or {}).items() if d.get("note")],
        shares=[_shares(row) for row in list(told.get("shares") or ())[:MOST_CLASSES]],
        maps=[_map(when, drawn) for when, drawn in (told.get("maps") or {}).items()],
        classes=[_class(row) for row in run.get("by_class") or ()],
        validators=[spoken(judge) for judge in validators],
        opinions=[
            (str(row["method"]), [decimal(row.get(judge), 3) for judge in validators]) for row in thought["rows"]
        ],
        notes=[str(note) for note in thought["notes"]],
        oracle=[
            (name, percent(value), {oracle.get("best"): "best by labels", oracle.get("chosen"): "chosen"}.get(name, ""))
            for name, value in (oracle.get("accuracy") or {}).items()
        ],
        gap=points(oracle.get("gap")) if oracle else "",
        barred=list(oracle.get("barred") or ()),
    )


def _few(few: Mapping[str, Any] | None) -> str:
    """How many labelled target examples joined, of which classes; empty where there were none."""
    if not few:
        return ""
    counts = ", ".join(f"{name} {n}" for name, n in few["by_class"].items())
    return f"{few['examples']:,} labelled target examples were learned from too: {counts}."


def _distance(when: str, found: Mapping[str, Any]) -> tuple[str, str, str, str]:
    accuracy = found.get("accuracy") or {}
    if number(accuracy) is None:
        return when, decimal(found.get("value"), 2), "", str(found.get("reason", ""))
    return when, decimal(found.get("value"), 2), percent(accuracy), interval_words(accuracy)


def _shares(row: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    bar = share_bar(number(row.get("after")) or 0.0)
    return str(row["class"]), percent(row.get("source")), percent(row.get("before")), percent(row.get("after")), bar


def _class(row: Mapping[str, Any]) -> tuple[str, str, str, str, str, str, int]:
    change = row.get("change") or {}
    ends = f"{points(change.get('low'))} to {points(change.get('high'))}" if change else ""
    figures = percent(row.get("before")), percent(row.get("after")), points(change or None)
    word = str(row.get("word", ""))
    return (str(row["class"]), *figures, ends, word, int(row.get("support") or 0))


def _map(when: str, drawn: Mapping[str, Any]) -> tuple[str, str, str]:
    svg = scatter({name: drawn[name] for name in ("source", "target")}, f"Source and target {when} adapting")
    if drawn.get("kind") == "tsne":
        return when, svg, "t-SNE: what is near was near; how far groups lie apart means little"
    shares = [percent(s, 0) for s in drawn.get("variance") or ()]
    return when, svg, f"principal components, {' and '.join(shares)} of the variance" if shares else ""


def scatter(clouds: Mapping[str, Sequence[Sequence[float]]], label: str) -> str:
    """Points in [-1, 1]²: the first cloud as rings, the second as crosses, so that shape tells them apart too.

    >>> scatter({"source": [[0.0, 0.0]], "target": [[0.5, 0.5]]}, "Two").count("<circle")
    1
    """
    marks = []
    for i, cloud in enumerate(clouds.values()):
        for x, y in cloud:
            px, py = (MARGIN + (SIDE - 2 * MARGIN) * (v + 1) / 2 for v in (x, -y))
            if i == 0:
                marks.append(f'<circle class="ring" cx="{px:.1f}" cy="{py:.1f}" r="3"/>')
            else:
                marks.append(f'<path class="cross" d="M{px - 3:.1f} {py:.1f}h6M{px:.1f} {py - 3:.1f}v6"/>')
    said = f"{label}: {', '.join(f'{len(c)} points of the {name}' for name, c in clouds.items())}"
    frame = f'<rect class="edge" x="1" y="1" width="{SIDE - 2}" height="{SIDE - 2}" rx="10"/>'
    return (
        f'<svg class="chart cloud" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(said)}">'
        f"{frame}{''.join(marks)}</svg>"
    )
