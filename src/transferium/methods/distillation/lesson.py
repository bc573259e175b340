"""What a teacher, a saved model, answers to the examples that a student learns from: each asked once and stored."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.doctor.findings import by_reason
from transferium.data.domain import Domain, alike
from transferium.data.learned import Learned
from transferium.data.read import first_cells_of, read_path
from transferium.data.readers.columns import COLUMNS
from transferium.errors import DataError, TransferiumWarning, option
from transferium.methods.finetuning.setup import FineTuneSetup
from transferium.methods.holdout import HeldOut
from transferium.methods.task import Task
from transferium.models.heads.base import AnyHead
from transferium.models.heads.linear import answering
from transferium.problems.problem import Problem


@dataclass(frozen=True, eq=False)
class Lesson:
    """The examples by stream, and the teacher's logits ``(n, classes)`` and features ``(n, width)`` for each of them.

    Classes are in the order of the task. ``unlabeled`` are inputs alone, where there are any.
    """

    teacher: Artifact
    unlabeled: Domain | None
    logits: dict[str, NDArray[np.float64]]
    features: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, teacher: Artifact, task: Task, train: Domain, unlabeled: Domain | None) -> Lesson:
        """Ask the teacher about ``train``, and about inputs without labels."""
        head = fitting_head(teacher, task.problem, train)
        asked = {"target": train} | ({} if unlabeled is None else {"unlabeled": unlabeled})
        features = {stream: task.embed(domain, teacher.backbone).features for stream, domain in asked.items()}
        logits = {stream: head.logits(rows) for stream, rows in features.items()}
        return cls(teacher, unlabeled, logits, features)

    @property
    def spread(self) -> float:
        """The root mean square of the teacher's centred features of what is trained on."""
        rows = self.features["target"]
        return float(np.sqrt(np.mean((rows - rows.mean(axis=0, dtype=np.float64)) ** 2))) or 1.0


@dataclass(frozen=True, eq=False)
class TaughtSetup(FineTuneSetup):
    """What fine-tuning needs, and what a teacher says."""

    lesson: Lesson


def lesson_of(setup: FineTuneSetup) -> Lesson:
    """What a teacher says, of a setup that has one."""
    assert isinstance(setup, TaughtSetup)
    return setup.lesson


def fitting_head(teacher: Artifact, problem: Problem, data: Domain) -> AnyHead:
    """The teacher's head with the classes in the order of ``problem``.

    Raises ``ArtifactError`` where it reads another kind of example than ``data`` holds, and ``DataError`` where it
    answers with other classes.
    """
    read, given = (one.feature_names or () for one in (teacher.as_read(data), data))
    if read != given:
        raise DataError(
            f"the teacher reads the columns {_some(read)}, and {data.name!r} has {_some(given)}: "
            "give the same columns in the same order."
        )
    theirs, ours = teacher.problem, problem
    if theirs.kind != ours.kind or set(theirs.names) != set(ours.names):
        raise DataError(
            f"the teacher answers with {theirs.said()} and the data has {ours.said()}{_difference(ours, theirs)}. A "
            "student learns the answers of its teacher: give a teacher that was fitted to these classes."
        )
    return answering(teacher.head, theirs.names, ours.names)


def _difference(ours: Problem, theirs: Problem) -> str:
    """Which classes only one of them has, as the end of a phrase."""
    new, gone = sorted({*ours.names} - {*theirs.names}), sorted({*theirs.names} - {*ours.names})
    said = [f"the teacher does not know {_some(new)}"] * bool(new)
    said += [f"the data lacks {_some(gone)}"] * bool(gone)
    return f": {' and '.join(said)}" if said else ""


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def read_inputs(teacher: Artifact, path: Path, task: Task, parts: HeldOut) -> Domain:
    """The inputs to learn the teacher's answers on: all readable ones that are not held out; no label is looked at."""
    data = task.train
    columns: dict[str, Any] = {}
    if data.feature_names is not None:
        columns["columns"] = data.feature_names
    elif there := first_cells_of(path, data.kind):
        named = dict(teacher.info.get("columns", {}))
        columns = {use: name for use, name in named.items() if use in COLUMNS and name in there}
    domain = read_path(path, expected=data.kind, gaps=True, whole=True, **columns).unlabeled()
    domain = alike(domain, data.kind)
    if domain.kind != data.kind:
        raise DataError(
            f"{domain.name!r} holds {domain.kind} examples, and the student reads {data.kind} examples: give "
            f"unlabeled inputs of its kind ({option('set', 'unlabeled=PATH')})."
        )
    if domain.parts is not None and (domain.parts == "train").any():
        domain = domain.part("train")
    seen = task.embedder(domain, teacher.backbone)[0]
    for said in by_reason({domain.ids[i]: reason for i, reason in seen.problems.items()}):
        warnings.warn(f"unlabeled: {said}; they are left out", TransferiumWarning, stacklevel=2)
    domain = replace(domain, keys=seen.keys)
    usable = np.flatnonzero(seen.ok & ~Learned.of(parts.held).marks(domain))
    if not len(usable):
        raise DataError(f"none of the {len(domain)} examples of {domain.name!r} can be learned from.")
    return domain.take(usable)
