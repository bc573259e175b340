"""``export``: a saved model as a file that other programs read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transferium.artifact import Artifact, load_artifact
from transferium.errors import ArtifactError, InputError
from transferium.job.export.model_card import BEGINNING, model_card
from transferium.job.export.onnx_file import onnx_file
from transferium.job.export.onnx_graph import is_ours
from transferium.job.tasks.saved_tasks import has_tasks, load_tasks
from transferium.system.write_atomically import write_atomically


@dataclass(frozen=True)
class Format:
    """One form: ``make(artifact, run)`` gives the content of the file, ``ours`` knows an earlier one by its start."""

    make: Callable[[Artifact, Path], bytes]
    ours: Callable[[bytes], bool]


FORMATS = {
    "onnx": Format(lambda artifact, _run: onnx_file(artifact), is_ours),
    "card": Format(model_card, lambda start: start.startswith(BEGINNING)),
}


def export(run: Path, out: Path, form: str) -> int:
    """Write the model in ``run`` to ``out``, whole or not at all; how many bytes it has.

    An earlier export is replaced; ``InputError`` where anything else lies there, ``ArtifactError`` where the model
    cannot be exported.
    """
    if has_tasks(run):
        names = ", ".join(load_tasks(run))
        raise ArtifactError(f"{run} holds several tasks ({names}): export one: its run lies in it.")
    _check_out(out, FORMATS[form])
    content = FORMATS[form].make(load_artifact(run), run)
    try:
        write_atomically(out, content)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}. Name another file.") from error
    return len(content)


def _check_out(out: Path, form: Format) -> None:
    if not out.exists():
        return
    if not out.is_file():
        raise InputError(f"--out {out} is a folder or a device; name a file.")
    with out.open("rb") as file:
        beginning = file.read(256)
    if beginning and not form.ours(beginning):
        raise InputError(
            f"--out {out} holds something else than an earlier export of this kind; nothing was overwritten. Name "
            "another file, or remove this one."
        )
