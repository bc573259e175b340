"""``export``: a saved model as a file or folder that other programs read."""

from __future__ import annotations

from pathlib import Path

from transferium.artifact import load_artifact
from transferium.errors import ArtifactError
from transferium.job.export.formats import FORMATS
from transferium.job.tasks.saved_tasks import has_tasks, load_tasks


def export(run: Path, out: Path, form: str) -> int:
    """Write the model in ``run`` to ``out``, whole or not at all; how many bytes it has.

    An earlier export is replaced; ``InputError`` where anything else lies there, ``ArtifactError`` where the model
    cannot be exported.
    """
    if has_tasks(run):
        names = ", ".join(load_tasks(run))
        raise ArtifactError(f"{run} holds several tasks ({names}): export one: its run lies in it.")
    FORMATS[form].check(out)
    return FORMATS[form].write(load_artifact(run), run, out)
