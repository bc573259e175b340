"""``transferium predict`` and ``transferium evaluate``: a saved model on new data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.columns.table import Table
from transferium.data.doctor.findings import by_reason, filled_cells, some
from transferium.data.doctor.left_out import left_out
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain, row_blocks
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.learned import Learned
from transferium.data.read import first_cells_of, read_path
from transferium.data.readers.row_cells import input_names
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, TransferiumWarning, option
from transferium.functional.linear_classifier import softmax
from transferium.functional.sequences.ragged import unanswered, within
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.problems.evaluation import Evaluation, Overlap
from transferium.problems.problem import Link, Problem


def read_like(artifact: Artifact, data: Path, columns: Mapping[str, Any]) -> Domain:
    """Read new data as the training data was read; a warning says what of it is left out."""
    return _read(artifact, data, columns, whole=False)


def read_to_answer(artifact: Artifact, data: Path, columns: Mapping[str, Any]) -> Domain:
    """:func:`read_like`, but all images of a folder and all rows: where some have no label, none has."""
    return _read(artifact, data, columns, whole=True)


def _read(artifact: Artifact, data: Path, columns: Mapping[str, Any], *, whole: bool) -> Domain:
    domain = read_path(data, expected=artifact.kind, gaps=whole, whole=whole, **columns_like(artifact, data, columns))
    for finding in left_out(domain):
        if finding.severity != "note":
            warnings.warn(finding.message, TransferiumWarning, stacklevel=4)
    reads = artifact.backbone.preprocess
    if reads is not None and domain.kind == artifact.kind and (said := reads.unread(domain)):
        warnings.warn(said, TransferiumWarning, stacklevel=4)
    return domain


def columns_like(artifact: Artifact, data: Path, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to read new data by: ``columns`` named now come before those named when the model was fitted.

    A label column that the new table does not have is no error: there is nothing to compare with, that is all. Without
    the column of names, examples are called by the number of their row.
    """
    there = first_cells_of(data, artifact.kind, columns.get("layout"))
    if there is not None:
        then = dict(artifact.info.get("columns", {}))
        then = {use: name for use, name in then.items() if name in there or use not in ("label", "id")}
        columns = then | dict(columns)
        columns = columns | read_columns(artifact, there)
    # Labels that are to be compared with the model's are read as the model's were: what stands between them too.
    own = {"problem": artifact.problem}
    return own | dict(columns) | (own if columns.get("problem") == artifact.problem.kind else {})


def read_columns(artifact: Artifact, there: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that the model reads of a table, ``there`` by name, and their types; of features by name alone."""
    encoding = artifact.backbone.preprocess
    if isinstance(encoding, ColumnsPreprocess) and encoding.named:
        names = input_names([*encoding.types], there)
        return {"columns": names, "types": {name: encoding.types[name] for name in names if name in encoding.types}}
    named = artifact.info.get("feature_names") if artifact.kind == "features" else None
    return {"kind": "features", "columns": input_names(named, there)} if named else {}


@dataclass(frozen=True)
class Predicted:
    """Outputs ``(n, width)`` of a model for a scanned domain, NaN where an example could not be read, and why not.

    ``missing`` names by example the columns of mixed rows whose cells could not be read, or were not there.
    """

    domain: Domain
    outputs: NDArray[np.float64]
    problems: dict[str, str]
    missing: dict[str, list[str]] = field(default_factory=dict)

    def as_records(self, problem: Problem) -> list[dict[str, Any]]:
        """One JSON-ready record per example; nulls where it could not be read."""
        records = []
        values = problem.values(self.outputs, self.domain.samples)
        for name, row, value in zip(self.domain.ids, self.outputs, values, strict=True):
            known = value is not None
            record = {"id": name, "predicted": value}
            if name in self.missing:
                record["missing"] = self.missing[name]
            if problem.columns:
                record["probabilities"] = dict(zip(problem.names, map(float, row), strict=True)) if known else None
            records.append(record)
        return records


def predict_domain(artifact: Artifact, domain: Domain, embedder: Embedder) -> Predicted:
    """The model's predictions for every example of ``domain``."""
    return predict_by_all({"": artifact}, domain, embedder)[""]


def predict_by_all(models: Mapping[str, Artifact], domain: Domain, embedder: Embedder) -> dict[str, Predicted]:
    """The same by several ``models`` that read the same columns: what one backbone sees is asked for once."""
    domain = next(iter(models.values())).as_read(domain)
    if isinstance(domain.samples, Table):
        domain = replace(domain, keys=scan(domain, progress=embedder.tick("read")).keys)
    backbones = {model.backbone.fingerprint: model.backbone for model in models.values()}
    keys: dict[str, list[str]] = {name: [] for name in models}
    outputs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in models}
    problems: dict[str, dict[str, str]] = {name: {} for name in models}
    missing: dict[str, list[str]] = {}
    for block in row_blocks(domain):
        seen = {fingerprint: embedder(block, backbone)[0] for fingerprint, backbone in backbones.items()}
        filled = next(iter(seen.values())).filled
        for finding in filled_cells(filled, block.ids):
            warnings.warn(finding.message, TransferiumWarning, stacklevel=4)
        for column, at in filled.items():
            for row in at:
                missing.setdefault(block.ids[row], []).append(column)
        for name, model in models.items():
            embedding = seen[model.backbone.fingerprint]
            keys[name] += embedding.keys
            outputs[name].append(model.outputs(embedding))
            problems[name] |= {block.ids[i]: reason for i, reason in embedding.problems.items()}
    return {
        name: Predicted(replace(domain, keys=tuple(keys[name])), np.concatenate(outputs[name]), problems[name], missing)
        for name in models
    }


def scored(learned: Learned, domain: Domain, outputs: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Overlap]:
    """Which examples of a scanned domain are evaluated on: those with an answer that were not ``learned`` from.

    Where all with an answer were learned from, all these are. Raises ``DataError`` where none has an answer.
    """
    usable: NDArray[np.bool_] = ~unanswered(outputs)
    if not usable.any():
        raise DataError(f"none of the {len(domain)} examples of {domain.name!r} could be read.")
    known = usable & learned.marks(domain)
    overlap = Overlap(int(usable.sum()), int(known.sum()), learned.complete)
    return usable if overlap.training else usable & ~known, overlap


def check_evaluable(artifact: Artifact, domain: Domain, data: Path | None = None) -> None:
    """Raise where ``domain``, read from ``data``, is of another kind than the model reads, or has no labels."""
    artifact.as_read(domain)
    if domain.labels is not None:
        return
    columns: Sequence[str] = domain.feature_names or ()
    if data is not None and data.is_file():
        columns = list(first_cells_of(data) or columns)
    how = "give them beside the examples"
    if columns:
        how = f"its columns are {some(map(repr, columns), 20)}; name one with {option('label')}"
    elif domain.kind in EXAMPLE_FILES:
        how = f"put the {domain.kind}s of each class in a folder of their own"
    raise DataError(f"{domain.name!r} has no labels; {how}. To have it answered without: transferium predict.")


def evaluate_domain(artifact: Artifact, domain: Domain, embedder: Embedder, *, seed: int = 0) -> Evaluation:
    """Metrics with intervals on the readable examples of a labelled ``domain`` that were not learned from.

    Where all of them were, the metrics are those of training; ``overlap`` says how many there are of each.
    """
    check_evaluable(artifact, domain)
    labels = match_labels(domain, artifact.problem)
    predicted = predict_domain(artifact, domain, embedder)
    check_any_usable(domain, predicted.outputs, predicted.problems)
    at, overlap = scored(artifact.learned, predicted.domain, predicted.outputs)
    outputs = predicted.outputs[at]
    before = uncalibrated(outputs, artifact.head.temperature, artifact.head.link)
    groups = None if domain.groups is None else domain.groups[at]
    result = artifact.problem.evaluate(labels[at], outputs, seed=seed, before=before, groups=groups)
    return replace(result, overlap=overlap)


def check_any_usable(domain: Domain, outputs: NDArray[np.float64], problems: Mapping[str, str]) -> None:
    """Raise ``DataError`` with the reasons where no example could be used; a warning where some could not."""
    said = ". ".join(by_reason(problems))
    if unanswered(outputs).all():
        raise DataError(f"none of the {len(domain)} examples of {domain.name!r} could be read. {said}.")
    if said:
        warnings.warn(f"{said}; they are not among the figures", TransferiumWarning, stacklevel=4)


def uncalibrated(probabilities: NDArray[np.float64], temperature: float, link: Link) -> NDArray[np.float64] | None:
    """The outputs before calibration: undoing the temperature needs no second pass, ``softmax(log p · T)``."""
    if link != "softmax":
        return None
    tiny = np.finfo(np.float64).tiny
    return within(lambda rows: softmax(np.log(np.maximum(rows, tiny)) * temperature), probabilities)


def match_labels(domain: Domain, problem: Problem) -> NDArray[Any]:
    """The domain's labels as ``problem`` means them; ``DataError`` for another problem, and for an unknown class."""
    posed = domain.posed
    if posed.kind != problem.kind:
        raise DataError(
            f"this model solves the problem {problem.kind!r}, and the labels of {domain.name!r} are {posed.said()}: "
            f"give labels of its kind, or say {option('problem', problem.kind)} where they are."
        )
    return problem.match(domain.y, posed, repr(domain.name))


def held_out(domain: Domain) -> Domain:
    """The examples that ``evaluate`` uses: the held-out part where the data came divided, else all of it."""
    if domain.parts is None:
        return domain
    for name in ("test", "val"):
        if (domain.parts == name).any():
            return domain.part(name)
    return replace(domain, parts=None)


def metrics_of(evaluation: Evaluation, domain: Domain, run: Path) -> dict[str, Any]:
    """The same object as ``test`` in ``metrics.json``, and what it was measured on."""
    return evaluation.as_dict() | {"run": str(run), "data": domain.name}
