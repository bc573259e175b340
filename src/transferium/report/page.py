"""One self-contained page about a run: no network, no foreign font, no foreign script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferium.data.modality import KINDS
from transferium.report import words
from transferium.report.adaptation import domains
from transferium.report.augmented import augmented
from transferium.report.boxes.drawn_boxes import box_lines
from transferium.report.charts import reliability
from transferium.report.choice import choice, training_curves
from transferium.report.gallery import Thumbnails, gallery
from transferium.report.mistakes import MOST_CLASSES, confusion, output_lines
from transferium.report.presentation import presentation
from transferium.report.rates import range_chart
from transferium.report.schema import check_run
from transferium.report.strips import stacked
from transferium.report.tables import (
    ablation_group,
    attacked_group,
    cost_rows,
    difference_row,
    few_shots_group,
    figure_row,
    interval_words,
    metric_groups,
    reference_group,
)
from transferium.system.write_atomically import write_atomically

HERE = Path(__file__).parent
MOST_IDS = 200
_ORDER = tuple(words.SEVERITIES)


def write_report(run: Mapping[str, Any], path: Path, thumbnails: Thumbnails) -> None:
    """Write the page of a run (see ``schema.Run``) to ``path``, whole or not at all.

    ``thumbnails(id)`` gives an example's content: an image file's bytes or an image, a text, or None for nothing
    to show. Raises ``InputError`` where ``run`` lacks a name or the headline metric of its problem.
    """
    write_atomically(path, render(run, thumbnails))


def render(run: Mapping[str, Any], thumbnails: Thumbnails = lambda _id: None) -> str:
    """The page as text; every word of the run is escaped by the template engine."""
    from jinja2 import Environment, FileSystemLoader

    check_run(run)
    engine = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    for write in (words.percent, words.points, words.decimal, words.seconds, words.plural, words.spoken):
        engine.filters[write.__name__] = write
    engine.filters["interval"] = interval_words
    script = (HERE / "page.js").read_text(encoding="utf-8")
    return engine.get_template("page.jinja").render(
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        **view(run, thumbnails),
    )


def view(run: Mapping[str, Any], thumbnails: Thumbnails) -> dict[str, Any]:
    """Everything the template shows, with the arithmetic done; an absent part of the run is an empty value here."""
    test, shown = run.get("test") or {}, presentation(run)
    after, before = test.get("reliability") or [], test.get("reliability_before") or []
    return {
        "run": run,
        "test": test,
        "shown": shown,
        "headline": figure_row(test, shown.headline, shown),
        "tiles": [row for name in shown.tiles if (row := figure_row(test, name, shown))],
        "facts": _facts(run),
        "verdict": _verdict(run),
        "domains": domains(run),
        "measured": words.ADAPTED_TO if (run.get("adaptation") or {}).get("transductive") else words.HELD_OUT,
        "difference": difference_row(run),
        "references": reference_group(run),
        "ablations": ablation_group(run),
        "costs": cost_rows(run),
        "attacked": attacked_group(run),
        "few_shots": few_shots_group(run),
        "metrics": metric_groups(test, shown),
        "reliability": reliability(after, before) if after else "",
        "calibrated": bool(before),
        "confusion": confusion(test) if test else None,
        "most_classes": MOST_CLASSES,
        "output_lines": output_lines(test, shown.output) if shown.output else [],
        "boxes": box_lines(test),
        "examples": gallery(run, thumbnails),
        "choice": choice(run.get("selection"), shown),
        "curves": training_curves(run.get("history")),
        "rates": range_chart(run),
        "augmented": augmented(run.get("augmented"), KINDS.get(run.get("kind", ""), "examples")),
        "division": run.get("division") or {},
        "doctor": _doctor(run.get("doctor")),
        "most_ids": MOST_IDS,
        "timing": _timing(run.get("seconds")),
        "provenance": _provenance(run),
    }


def _verdict(run: Mapping[str, Any]) -> dict[str, str]:
    """The banner: its tone, its title, and the sentence without a repetition of the title."""
    word = str(run.get("verdict") or "Result")
    tone, title = words.VERDICTS.get(word, ("plain", words.spoken(word)))
    sentence = str(run.get("verdict_sentence") or "").removeprefix(f"{title}: ")
    return {"tone": tone, "title": title, "sentence": sentence[:1].upper() + sentence[1:]}


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The few things that say what this run was."""
    facts = [
        ("data", KINDS.get(run.get("kind", ""), run.get("kind"))),
        ("predicts", presentation(run).predicts),
        ("backbone", run.get("backbone")),
        ("method", run.get("method")),
        ("engine", run.get("engine")),
        ("seed", run.get("seed")),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _doctor(doctor: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Findings under their severity, the gravest first."""
    if doctor is None:
        return None
    findings = doctor.get("findings") or []
    others = dict.fromkeys(f["severity"] for f in findings if f["severity"] not in _ORDER)
    groups = [
        (severity, words.SEVERITIES.get(severity, words.spoken(severity)), found)
        for severity in (*_ORDER, *others)
        if (found := [f for f in findings if f["severity"] == severity])
    ]
    aside = doctor.get("quarantined") or 0
    aside = len(aside) if isinstance(aside, (list, tuple)) else aside
    return {"groups": groups, "count": len(findings), "quarantined": aside}


def _timing(seconds: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Every timed part with its share; what the total holds beyond the parts is the rest."""
    given = {name: v for name, s in (seconds or {}).items() if (v := words.number(s)) is not None}
    total = given.pop("total", None)
    whole = max(sum(given.values()), total or 0.0)
    if whole <= 0:
        return None
    if (rest := whole - sum(given.values())) > 0.01 * whole:
        given["rest"] = rest
    spoken = [f"{words.spoken(name)}: {words.seconds(value)}" for name, value in given.items()]
    parts = [
        (words.spoken(name), words.seconds(value), words.percent(value / whole, 0)) for name, value in given.items()
    ]
    return {"total": words.seconds(whole), "parts": parts, "bar": stacked(list(given.values()), spoken)}


def _provenance(run: Mapping[str, Any]) -> dict[str, Any]:
    """Named facts, package versions and the command."""
    given = dict(run.get("provenance") or {})
    command = run.get("command") or given.get("command") or ""
    versions = given.pop("versions", None) or {}
    facts = [(words.spoken(k), str(v)) for k, v in given.items() if k != "command" and v not in (None, "")]
    return {"command": command, "versions": sorted(versions.items()), "facts": facts}
