"""Predictions as CSV, for people and programs."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.problems.label_cells import as_number
from transferium.problems.problem import Problem
from transferium.problems.texts import Texts
from transferium.system.printable import for_spreadsheet
from transferium.system.write_atomically import write_atomically

Outputs = NDArray[np.float64]
LONGEST_HEADER = 2**20


def check_out(path: Path, data: Path, problem: Problem | None = None) -> None:
    """Raise ``InputError`` where predictions in ``path`` would take the place of ``data`` or of another's file.

    Earlier predictions, which are known by their first lines, are replaced; so is an empty file. Written
    texts, which look like anything, are known by the first line alone where ``problem`` is about such.
    """
    if not path.exists():
        return
    if data.exists() and path.samefile(data):
        raise InputError(
            f"--out {path} is the data itself ({data}), and predictions would take its place; nothing was "
            "overwritten. Name another file."
        )
    if path.is_dir():
        raise InputError(f"--out {path} is a folder; name a file in it, as in {path / 'predictions.csv'}.")
    if not path.is_file():
        raise InputError(
            f"--out {path} is a device or a pipe; name a file, or leave --out away to write to standard output."
        )
    lines = _first_lines(path)
    if lines is not None and not _is_ours(*lines, texts=isinstance(problem, Texts)):
        raise InputError(
            f"--out {path} holds something else than predictions (its first line is not id, predicted, p_<class>…); "
            "nothing was overwritten. Name another file, or remove this one."
        )


def _first_lines(path: Path) -> tuple[list[str], list[str]] | None:
    """The cells of a file's first two lines; none where there is no such line of a table, None where it is empty."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_HEADER)
        rows = csv.reader(io.StringIO(start.decode("utf-8", "replace"), newline=""))
        return (next(rows, []), next(rows, [])) if start else None
    except (OSError, csv.Error):
        return [], []


def _is_ours(header: list[str], first: list[str], texts: bool) -> bool:
    """Whether a table begins as predictions do; without probabilities beside them they are amounts or spans."""
    if header[1:2] != ["predicted"] and all(name.startswith(("predicted_", "p_")) for name in header[1:]):
        return header[:1] == ["id"] and len(header) > 1  # of several tasks
    at = 2 if header[1:2] == ["label"] else 1
    outputs = header[at + 1 :]
    if [*header[:1], *header[at : at + 1]] != ["id", "predicted"] or not all(name.startswith("p_") for name in outputs):
        return False
    answer = "".join(first[at : at + 1])
    return bool(outputs) or texts or answer == "" or answer[0] == "[" or as_number(answer) is not None


def write_predictions(path: Path | None, domain: Domain, problem: Problem, outputs: Outputs) -> None:
    """Write ``id, label, predicted, p_<class>…`` to ``path``, whole or not at all, or to standard output.

    Of amounts there are the first three columns alone.
    Of a name or label that a spreadsheet would take for a formula the cell begins with ``'``.
    The label is left out where the domain has none. An example that could not be read keeps its row, with empty cells
    for the prediction.
    """
    text = io.StringIO()
    _write(text, domain, problem, outputs)
    put_text(path, text.getvalue())


def put_text(path: Path | None, text: str) -> None:
    """Write predictions to ``path``, whole or not at all, or to standard output."""
    if path is None and sys.stdout is None:
        raise InputError("standard output is closed, and predictions go there: name a file with --out.")
    try:
        if path is None:
            sys.stdout.write(text)
        else:
            write_atomically(path, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "standard output" if path is None else path
        raise InputError(f"predictions cannot be written to {where}: {error.strerror}. Name another file.") from error


def _write(file: TextIO, domain: Domain, problem: Problem, outputs: Outputs) -> None:
    writer = csv.writer(file, lineterminator="\n")
    labelled = domain.labels is not None
    columns = problem.columns
    writer.writerow(["id", *(["label"] if labelled else []), "predicted", *columns])
    answers = problem.answers(outputs, domain.samples)
    labels = domain.posed.cells(domain.y, domain.samples) if labelled else []
    for i, row in enumerate(outputs):
        name = for_spreadsheet(domain.ids[i])
        label = [for_spreadsheet(labels[i])] if labelled else []
        writer.writerow([name, *label, *answer_cells(problem, row, answers[i])])


def answer_cells(problem: Problem, outputs: Outputs, answer: str | None = None) -> list[str]:
    """The answer (that of ``outputs`` alone where none is given) and the outputs; empty where it could not be read."""
    if np.isnan(outputs).any():
        return [""] * (1 + len(problem.columns))
    # repr keeps every bit: reading the file back gives the same numbers.
    numbers = [repr(float(p)) for p in outputs] if problem.columns else []
    return [for_spreadsheet(problem.answer(outputs) if answer is None else answer), *numbers]
