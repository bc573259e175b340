"""What a finished run leaves behind, written all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact, replacing
from transferium.data.domain import Domain
from transferium.job.contact_sheet import FILE, as_facts, as_jpeg
from transferium.job.judge import Judged
from transferium.job.predictions import write_predictions
from transferium.job.prepare import Stopwatch
from transferium.job.remember import SIGNS, keep_log
from transferium.job.under_way import STATE
from transferium.report.page import write_report

if TYPE_CHECKING:
    from transferium.training.contact import Contact

Probabilities = NDArray[np.float64]
SHOWN = 24


def examples_to_show(test: Domain, probabilities: Probabilities) -> list[dict[str, Any]]:
    """The most confident mistakes first, then the least confident right answers; at most ``SHOWN``."""
    guess, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = guess != test.y
    order = np.lexsort((np.where(wrong, -sure, sure), ~wrong))[:SHOWN]
    shown = []
    for i in order:
        example = {
            "id": test.ids[i],
            "label": test.classes[test.y[i]],
            "predicted": test.classes[guess[i]],
            "confidence": round(float(sure[i]), 4),
        }
        if test.kind == "text":
            example["text"] = str(test.samples.raw(int(i)))[:600]
        shown.append(example)
    return shown


def write_json(path: Path, value: Any) -> None:
    """Strict JSON (no NaN), UTF-8."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_run(
    out: Path,
    artifact: Artifact,
    run: dict[str, Any],
    judged: Judged,
    watch: Stopwatch,
    contact: Contact | None = None,
) -> dict[str, Any]:
    """Write artifact, metrics, predictions, doctor's findings and report as one directory, or nothing."""
    run = run | {"provenance": artifact.info["provenance"]}
    run, picture = (run, None) if contact is None else (run | {"augmented": as_facts(contact)}, as_jpeg(contact))
    with replacing(out, SIGNS, (STATE,)) as fresh:
        with watch("write"):
            artifact.write_into(fresh)
            keep_log(out, fresh)
            write_predictions(fresh / "predictions.csv", judged.test, artifact.classes, judged.probabilities)
            write_json(fresh / "doctor.json", run["doctor"])
            shown = run | {"seconds": watch.as_dict()}
            if picture is not None:
                (fresh / FILE).write_bytes(picture)
                shown["augmented"] = run["augmented"] | {"picture": picture}
            write_report(shown, fresh / "report.html", _thumbnails(judged.test))
        run = run | {"seconds": watch.as_dict()}
        write_json(fresh / "metrics.json", run)
    return run


def _thumbnails(test: Domain) -> Any:
    """Give the report an example's raw content by its id."""
    if test.kind != "image":
        return lambda _id: None
    position = {name: i for i, name in enumerate(test.ids)}
    return lambda name: test.samples.raw(position[name])
