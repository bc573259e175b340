"""What a request holds for each kind of example, and how it becomes a domain. No path in a request is opened."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transferium.artifact import Artifact
from transferium.data.columns.column import ColumnType
from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.modality import by_kind
from transferium.data.read import read
from transferium.data.readers.columns import Columns
from transferium.data.readers.frames import as_frame, read_frame
from transferium.errors import InputError
from transferium.job.predict.apply import read_columns
from transferium.models.columns.encoding import ColumnsPreprocess


@dataclass(frozen=True)
class Intake:
    """The ``field`` of a JSON request, an ``example`` of its entries, and how these are read.

    ``files``: whether the entries are files, which may be uploaded as they are.
    """

    field: str
    example: Any
    read: Callable[[Artifact, Sequence[Any]], Domain]
    files: bool = False

    @property
    def form(self) -> dict[str, Any]:
        """A request, as an example of one."""
        return {self.field: [self.example]}

    @property
    def said(self) -> str:
        """The same as JSON."""
        return json.dumps(self.form)


def intake_of(artifact: Artifact) -> Intake:
    """What requests hold for the examples that the model reads; ``InputError`` for a kind that is not served."""
    intake, encoding = by_kind(INTAKES, artifact.kind, "form of a request"), artifact.backbone.preprocess
    if isinstance(encoding, ColumnsPreprocess) and encoding.named:
        return replace(intake, example={name: SAID[found] for name, found in encoding.types.items()})
    return intake


def read_json(artifact: Artifact, request: Mapping[str, Any], most: int) -> Domain:
    """The examples of a JSON request; ``TransferiumError`` for another form, and for examples that do not fit."""
    intake = intake_of(artifact)
    if list(request) != [intake.field]:
        given = f"its fields are {', '.join(map(repr, request))}" if request else "it has no fields"
        raise InputError(f"a request is {intake.said}, and {given[:200]}.")
    return intake.read(artifact, _checked(request[intake.field], intake.field, most))


def read_files(artifact: Artifact, files: Sequence[bytes], most: int) -> Domain:
    """The examples of uploaded files; ``InputError`` where the model reads none."""
    intake = intake_of(artifact)
    if not intake.files:
        raise InputError(f"this model reads {artifact.kind} examples and no files: send JSON, {intake.said}.")
    return _of_bytes(artifact, _checked(files, "files", most))


def _checked(entries: Any, field: str, most: int) -> Sequence[Any]:
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{field!r} is to be a list with at least one entry.")
    if len(entries) > most:
        raise InputError(f"{field!r} has {len(entries)} entries, and a request at most {most}: send several requests.")
    return entries


def _of_bytes(artifact: Artifact, files: Sequence[bytes]) -> Domain:
    return read(list(files), kind=artifact.kind, name="request")


def _of_base64(artifact: Artifact, entries: Sequence[Any]) -> Domain:
    return _of_bytes(artifact, [_decoded(entry, at) for at, entry in enumerate(entries)])


def _decoded(entry: Any, at: int) -> bytes:
    """The bytes behind base64, with or without what a data URL begins with."""
    if not isinstance(entry, str):
        raise InputError(f"entry {at} is no text: give the bytes of a file as base64.")
    try:
        return base64.b64decode(entry.partition(",")[2] if entry.startswith("data:") else entry, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"entry {at} is no base64 ({error}): give the bytes of a file as base64.") from error


def _texts(artifact: Artifact, entries: Sequence[Any]) -> Domain:
    for at, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise InputError(f"texts[{at}] is {entry!r:.80} and no text.")
    return read(list(entries), kind=artifact.kind, name="request")


def _rows(artifact: Artifact, entries: Sequence[Any]) -> Domain:
    """Objects from the name of a column to its cell, or lists of numbers in the order of training."""
    named = [isinstance(entry, Mapping) for entry in entries]
    if any(named) and not (all(named) and all(entries)):
        raise InputError("'rows' are all objects from the name of a column to its cell, or all lists of numbers.")
    frame = as_frame(list(entries))
    if frame is None:
        return artifact.as_read(read(list(entries), kind=artifact.kind, name="request"))
    asked = Columns(labels_beside=True, **read_columns(artifact, frame))
    return artifact.as_read(read_frame(frame, asked, "request"))


def _mixed_rows(artifact: Artifact, entries: Sequence[Any]) -> Domain:
    """Objects as those of rows, with base64 in the columns of pictures and sounds; null is a missing cell."""
    encoding = artifact.backbone.preprocess
    assert isinstance(encoding, ColumnsPreprocess)
    files = [name for name, found in encoding.types.items() if found in EXAMPLE_FILES]
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise InputError("'rows' are all objects from the name of a column to its cell.")
    read = [
        {**entry, **{name: _decoded(entry[name], at) for name in files if entry.get(name) is not None}}
        for at, entry in enumerate(entries)
    ]
    return _rows(artifact, read)


INTAKES: dict[Kind, Intake] = {
    "image": Intake("images", "<base64 of an image file>", _of_base64, files=True),
    "sound": Intake("sounds", "<base64 of a sound file>", _of_base64, files=True),
    "text": Intake("texts", "a text", _texts),
    "sentence": Intake("texts", "a text", _texts),
    "row": Intake("rows", {"column": "cell"}, _rows),
    "mixed": Intake("rows", {"column": "cell"}, _mixed_rows),
    "features": Intake("rows", [0.5, 1.0], _rows),
}
SAID: dict[ColumnType | Kind, Any] = {
    "number": 0.5,
    "category": "a level",
    "boolean": True,
    "date": "2026-01-31",
    "text": "a text",
    "image": "<base64 of an image file>",
    "sound": "<base64 of a sound file>",
}
"""An example of a cell of each type that a model reads."""
