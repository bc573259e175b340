"""Several tasks as one saved folder: a run for each, and a sealed list of them; what it answers to new examples."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferium.artifact import Artifact, load_artifact
from transferium.embedding.embed import Embedder
from transferium.errors import ArtifactError, refusing
from transferium.job.predict.apply import (
    Predicted,
    check_evaluable,
    evaluate_domain,
    held_out,
    metrics_of,
    predict_domain,
    read_like,
    read_to_answer,
)
from transferium.job.predict.predictions import answer_cells, put_text
from transferium.job.run_directory.state_paths import TASKS
from transferium.system.checked_files import LONGEST_JSON, DamagedFile, read_file
from transferium.system.printable import for_spreadsheet
from transferium.system.saved_folder import SavedFolder, describe_folder


def folder_of(task: str) -> str:
    """The folder that a task's run is kept in.

    >>> folder_of("fine label"), folder_of("a/b")
    ('fine label', 'a_b')
    """
    return "".join(c if c.isalnum() or c in " -_" else "_" for c in task).strip() or "_"


def has_tasks(run: Path) -> bool:
    """Whether a folder holds several tasks."""
    return (run / TASKS).is_file()


def describe_tasks(folder: Path, tasks: Sequence[str]) -> None:
    """Write the list of the tasks whose runs lie in ``folder``."""
    describe_folder(folder / TASKS, {"format": 1, "tasks": {name: folder_of(name) for name in tasks}})


def load_tasks(run: Path) -> dict[str, Artifact]:
    """The model of each task by its name, in order; raises ``ArtifactError`` for a damaged folder."""
    with refusing(ArtifactError, f"{run / TASKS} is damaged", "."):
        told, files = SavedFolder.described(run, read_file(run / TASKS, LONGEST_JSON))
        if files.digests is None:
            raise DamagedFile("its seal is missing")
        names = {str(name): folder_of(str(name)) for name in told["tasks"]}
    return {name: load_artifact(run / folder) for name, folder in names.items()}


@dataclass(frozen=True)
class Answers:
    """What every task's model answers to the same examples."""

    models: dict[str, Artifact]
    predicted: dict[str, Predicted]

    @property
    def first(self) -> Predicted:
        """The answers of the first task."""
        return next(iter(self.predicted.values()))

    def as_records(self) -> list[dict[str, Any]]:
        """One record for each example: its name, and by task what is predicted."""
        each = {name: one.as_records(self.models[name].problem) for name, one in self.predicted.items()}
        names = [record["id"] for record in next(iter(each.values()))]
        return [
            {"id": at} | {name: {k: v for k, v in rows[i].items() if k != "id"} for name, rows in each.items()}
            for i, at in enumerate(names)
        ]

    def write(self, path: Path | None) -> None:
        """``id``, and for each task ``predicted_<task>, p_<task>_<class>…``, to a file or standard output."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        header = ["id"]
        for name, model in self.models.items():
            header += [
                f"predicted_{name}",
                *(f"p_{name}_{column.removeprefix('p_')}" for column in model.problem.columns),
            ]
        writer.writerow(header)
        for i, example in enumerate(self.first.domain.ids):
            cells = [for_spreadsheet(example)]
            for name, one in self.predicted.items():
                cells += answer_cells(self.models[name].problem, one.outputs[i])
            writer.writerow(cells)
        put_text(path, text.getvalue())


def predict_tasks(run: Path, data: Path, columns: Mapping[str, Any], embedder: Embedder) -> Answers:
    """The answers of all tasks to ``data``; the backbone that they share runs once."""
    models = load_tasks(run)
    domain = read_to_answer(next(iter(models.values())), data, columns).unlabeled()
    predicted = {}
    for name, model in models.items():
        predicted[name] = predict_domain(model, domain, embedder)
        domain = predicted[name].domain
    return Answers(models, predicted)


def evaluate_tasks(
    run: Path,
    models: Mapping[str, Artifact],
    data: Path,
    columns: Mapping[str, Any],
    embedder: Embedder,
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """The metrics of the ``models`` in ``run`` on labelled ``data``, each with the labels of its own column."""
    found = {}
    for name, model in models.items():
        domain = held_out(read_like(model, data, columns))
        check_evaluable(model, domain, data)
        found[name] = metrics_of(evaluate_domain(model, domain, embedder, seed=seed), domain, run / folder_of(name))
    return found
