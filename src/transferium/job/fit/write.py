"""Write a finished run: all of its files, or none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.artifact import Artifact, replacing
from transferium.job.fit.judge import Judged
from transferium.job.predict.predictions import write_predictions
from transferium.job.run_directory.contact_sheet import FILE, as_facts, as_jpeg
from transferium.job.run_directory.files import thumbnails, write_json
from transferium.job.run_directory.resume import SIGNS, keep_log
from transferium.job.run_directory.state_paths import ENCODER, STATE
from transferium.job.stopwatch import Stopwatch
from transferium.models.catalogue import find_backbone
from transferium.report.page import write_report

if TYPE_CHECKING:
    from transferium.training.preview import Contact


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
            if (learned := out / STATE / ENCODER).is_dir():
                shutil.copytree(learned, fresh / ENCODER, ignore=shutil.ignore_patterns(STATE))
            write_predictions(fresh / "predictions.csv", judged.test, artifact.problem, judged.outputs)
            write_json(fresh / "doctor.json", run["doctor"])
            shown = run | {"seconds": watch.as_dict()}
            if picture is not None:
                (fresh / FILE).write_bytes(picture)
                shown["augmented"] = run["augmented"] | {"picture": picture}
            write_report(shown, fresh / "report.html", thumbnails(judged.test))
        run = run | {"seconds": watch.as_dict()}
        write_json(fresh / "metrics.json", run)
    if (out / ENCODER).is_dir():
        find_backbone(out / ENCODER, run["kind"])  # where it lies from now on is remembered
    return run
