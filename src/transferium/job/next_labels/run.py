"""``transferium next``: which examples of a pool to label next, for the model of a run."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.functional.sampling.active_learning import margins, next_to_label
from transferium.job.run_directory.files import LOOKS
from transferium.problems.classes import Classes
from transferium.system.printable import for_spreadsheet
from transferium.system.write_atomically import write_atomically

HEADER = ("place", "id", "text", "predicted", "confidence", "margin")


@dataclass(frozen=True, eq=False)
class ToLabel:
    """The chosen examples of a ``pool``, the first one first: their rows, what the model answers, and how surely.

    ``known`` examples of the pool were learned from, and ``unread`` ones could not be read: neither is chosen.
    """

    pool: Domain
    rows: NDArray[np.intp]
    outputs: NDArray[np.float64]
    known: int
    unread: int
    names: tuple[str, ...]

    def as_records(self) -> list[dict[str, Any]]:
        """JSON-ready, with the text of an example that is one."""
        unsure = margins(self.outputs)
        return [
            {
                "place": place,
                "id": self.pool.ids[row],
                "text": str(self.pool.samples.raw(int(row))) if LOOKS.get(self.pool.kind) == "text" else "",
                "predicted": self.names[int(answer.argmax())],
                "confidence": round(float(answer.max()), 6),
                "margin": round(float(unsure[place - 1]), 6),
            }
            for place, (row, answer) in enumerate(zip(self.rows.tolist(), self.outputs, strict=True), start=1)
        ]

    def write(self, path: Path) -> None:
        """Write the list as CSV, over an earlier list and over nothing else; ``InputError`` where it cannot be."""
        check_list(path)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        for record in self.as_records():
            writer.writerow([for_spreadsheet(str(record[name])) for name in HEADER])
        try:
            write_atomically(path, text.getvalue())
        except OSError as error:
            raise InputError(f"--out {path} cannot be written: {error.strerror}. Name another file.") from error


def check_list(path: Path) -> None:
    """Raise ``InputError`` where a list in ``path`` would take the place of anything but an earlier list."""
    if not path.exists():
        return
    start = ""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            start = file.read(200)
    if not path.is_file() or (start and not start.startswith(",".join(HEADER))):
        raise InputError(f"--out {path} is something else than a list of examples to label: name another file.")


def choose_next(artifact: Artifact, pool: Domain, embedder: Embedder, *, count: int, rule: str = "both") -> ToLabel:
    """Examples of ``pool`` whose labels would tell the model most; labels that it has are not looked at.

    What the model learned from is not chosen. Raises ``DataError`` where the model does not answer by classes, and
    where nothing is left to choose.
    """
    if not isinstance(artifact.problem, Classes) or artifact.backbone.output != "pooled":
        what = artifact.problem.said()
        raise DataError(f"examples are chosen by the classes that a model answers, and this one answers {what}.")
    read = artifact.as_read(pool)
    seen = embedder(read, artifact.backbone)[0]
    outputs = artifact.outputs(seen)
    learned = artifact.learned.marks(read)
    free = np.flatnonzero(seen.ok & ~learned)
    if not len(free):
        raise DataError(f"nothing of {pool.name!r} is left to label: all that can be read was learned from.")
    rows = free[next_to_label(outputs[free], seen.features[free], count, rule=rule)]
    return ToLabel(pool, rows, outputs[rows], int(learned.sum()), int((~seen.ok).sum()), artifact.classes)
