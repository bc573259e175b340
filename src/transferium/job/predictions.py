"""Predictions as CSV, for people and programs."""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import InputError

Probabilities = NDArray[np.float64]


def write_predictions(
    path: Path | None, domain: Domain, classes: tuple[str, ...], probabilities: Probabilities
) -> None:
    """Write ``id, label, predicted, p_<class>…`` to ``path``, whole or not at all, or to standard output.

    The label is left out where the domain has none. An example that could not be read keeps its row, with empty cells
    for the prediction.
    """
    if path is None:
        _write(sys.stdout, domain, classes, probabilities)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
            _write(file, domain, classes, probabilities)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"predictions cannot be written to {path}: {error.strerror}. Name another file.") from error


def _write(file: TextIO, domain: Domain, classes: tuple[str, ...], probabilities: Probabilities) -> None:
    writer = csv.writer(file, lineterminator="\n")
    labelled = domain.labels is not None
    writer.writerow(["id", *(["label"] if labelled else []), "predicted", *(f"p_{name}" for name in classes)])
    for i, row in enumerate(probabilities):
        label = [domain.classes[domain.y[i]]] if labelled else []
        if np.isnan(row).any():
            writer.writerow([domain.ids[i], *label, "", *([""] * len(classes))])
        else:
            # repr keeps every bit: reading the file back gives the same numbers.
            writer.writerow([domain.ids[i], *label, classes[int(row.argmax())], *(repr(float(p)) for p in row)])
