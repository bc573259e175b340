"""``read``: the one function that reads every kind of data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transferium.data.annotations.annotated_folder import read_scenes
from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES, kind_of_path
from transferium.data.modality import check_kind
from transferium.data.readers.arrays import Values, read_memory
from transferium.data.readers.columns import COLUMNS, Columns, said_types
from transferium.data.readers.folders import how_many, read_folder
from transferium.data.readers.frames import are_parts, as_frame, read_frame, read_parts
from transferium.data.readers.layout import LAYOUTS, decide
from transferium.data.readers.npz import read_npz
from transferium.data.readers.sequences import file_pairs
from transferium.data.readers.table_files import TABLES, read_table, tables_for
from transferium.data.remote.local_copy import is_remote, local_copy
from transferium.data.text_pair import both_columns
from transferium.errors import DataError, InputError, did_you_mean, option
from transferium.problems.catalogue import AUTO, Asked, kind_of
from transferium.system.printable import shown


def read(  # noqa: PLR0913  (each names one thing about the data, and all are given by name)
    source: Any,
    *,
    image: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    sound: str | None = None,
    sentence: str | None = None,
    label: str | Values | None = None,
    part: str | Values | None = None,
    group: str | Values | None = None,
    id: str | Values | None = None,
    columns: str | Sequence[str] | None = None,
    drop: str | Sequence[str] = (),
    types: Mapping[str, str] | None = None,
    kind: Kind | None = None,
    problem: Asked = AUTO,
    name: str | None = None,
    layout: str | None = None,
) -> Domain:
    """A folder, a table, a NumPy file, one image or sound, or a list or array in memory, as a ``Domain``.

    A folder holds one folder of images (or of sounds) per class; or ``train``, ``val`` and ``test`` folders with those
    inside (also ``training_set``, ``valid``, ``test1`` …); or tables so named; or one table, with images or without; or
    plain images. Where that can be understood in two ways, ``layout`` decides: ``classes``, ``parts``, ``table``,
    ``images``. A URL (``s3://``, ``hf://`` …) or an archive (``.zip``, ``.tar``) is copied first (``local_copy``).
    For a table ``image``, ``text``, ``sound``, ``sentence``, ``label``, ``part``, ``group`` and ``id`` name
    columns; two columns of texts, or of images, are pairs: ``text=("question", "answer")``. What is not named is found
    by its name (``columns.py`` lists them). Without images, texts, sounds and sentences, each row is an example: of all
    other columns, or of ``columns`` alone, and of none that is to ``drop``. What they hold is found by their cells,
    unless ``types`` says it: ``{"zip": "category"}``, or number, boolean, date, identifier. Columns of which it says
    text, image or sound make mixed rows: each cell is an example of that kind, or missing. So are the rows of an array
    ``(n, width)``, whose columns can be named by ``columns``; with ``kind="features"`` they are what a backbone made,
    used as they are.
    ``problem`` says what labels are: ``classes``, ``multi-label`` (several in a cell, as in ``a|b``),
    ``regression`` (amounts), ``entities`` (a tag for each word of a sentence, or spans of a text), or ``auto``, which
    decides by their values and warns if unsure; ``MultiLabel((), ";")`` says what else stands between several labels.
    In memory ``label``, ``part``, ``group`` and ``id`` are the values, one for each example.
    Raises ``InputError`` or ``DataError`` with what was found and what to do.

    >>> read(["good", "bad", "fine"], label=["+", "-", "+"])
    Domain('data', 3 text examples, 2 classes)
    """
    if isinstance(source, Domain):
        return source
    if kind is not None:
        check_kind(kind)
    kind_of(problem)
    listed, out, said = _listed(columns), _listed(drop) or (), said_types(types or {})
    sides = both_columns(image=image, text=text)
    values = {"label": label, "part": part, "group": group, "id": id}
    if isinstance(source, (str, os.PathLike)):
        if source == "":
            raise InputError("the path is empty: write '.' for the current folder")
        named: dict[str, Any] = {use: _column(use, value) for use, value in values.items()}
        asked = Columns(
            **sides,
            sound=sound,
            sentence=sentence,
            columns=listed,
            drop=out,
            types=said,
            kind=kind,
            problem=problem,
            layout=_known(layout),
            **named,
        )
        path = local_copy(str(source)).path if is_remote(source) else Path(source).expanduser()
        return _read_path(path, asked, name)
    if layout is not None:
        raise InputError(f"{option('layout', layout)} says what a folder is, and no folder was given: leave it out")
    if pairs := file_pairs(source):
        return read_memory(pairs[0], kind="image", label=pairs[1], name=name or "data")
    uses: dict[str, Any] = {use: value for use, value in values.items() if isinstance(value, str)}
    beside = {use: value for use, value in values.items() if value is not None and not isinstance(value, str)}
    asked = Columns(
        **sides,
        sound=sound,
        sentence=sentence,
        columns=listed,
        drop=out,
        types=said,
        kind=kind,
        problem=problem,
        labels_beside="label" in beside,
        **uses,
    )
    if (domain := _read_columns(source, asked, name or "data", beside)) is not None:
        return domain
    if out or said:
        raise InputError("drop= and types= name columns of a table, and an array has none: leave them out.")
    for use, column in (("image", image), ("text", text), ("sound", sound), ("sentence", sentence)):
        if column is not None:
            raise InputError(f"{use}= names a column of a table; for data in memory say kind={use!r}")
    known = {use: _values(use, value) for use, value in values.items()}
    return read_memory(source, kind=kind, columns=listed, problem=problem, name=name or "data", **known)


def read_path(
    path: Path,
    *,
    columns: str | Sequence[str] | None = None,
    drop: str | Sequence[str] = (),
    types: Mapping[str, str] | None = None,
    layout: str | None = None,
    image: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    **uses: Any,
) -> Domain:
    """A file or folder as :func:`read` reads it, with what else ``Columns`` may say of it.

    With ``gaps`` a label column that is filled in part gives no labels; ``ignored["labels"]`` then holds the ids of
    the examples that have one. With ``whole`` every image of a folder is read in the same way.
    """
    asked = Columns(
        columns=_listed(columns),
        drop=_listed(drop) or (),
        types=said_types(types or {}),
        layout=_known(layout),
        **(uses | both_columns(image=image, text=text)),
    )
    return _read_path(path.expanduser(), asked, None)


def first_cells_of(path: Path, expected: Kind | None = None, layout: str | None = None) -> dict[str, Any] | None:
    """The first filled cell of each column of the table that would be read from ``path``; None where there is none."""
    table: Path | None = path if path.is_file() else None
    if path.is_dir():
        leaves = decide(path, Columns(expected=expected, layout=_known(layout), whole=True)).leaves
        table = next((path / name for leaf in leaves.values() for name in leaf.tables), None)
    if table is None or table.suffix.lower() not in TABLES:
        return None
    return TABLES[table.suffix.lower()](table).first


def _known(layout: str | None) -> str | None:
    if layout not in (None, *LAYOUTS):
        raise InputError(f"layout={layout!r} is unknown. {did_you_mean(str(layout), LAYOUTS)}")
    return layout


def _listed(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else (names,) if isinstance(names, str) else tuple(names)


ANNOTATED: dict[Kind, Callable[[Path, str, bool], Domain]] = {"scene": read_scenes}
"""Kinds of example whose labels lie in files of their own, and what reads a path as such; whether all are wanted."""


def _read_path(path: Path, asked: Columns, name: str | None) -> Domain:
    folder = is_there(path) and path.is_dir()
    name = name or (path.resolve().name if folder else path.stem)
    ending = path.suffix.lower()
    if (kind := asked.wanted()) in ANNOTATED and is_there(path):
        asked.refuse_names(str(path))
        return ANNOTATED[kind](path, name, asked.whole)
    if folder:
        return read_folder(path, asked, name)
    if not is_there(path):
        raise DataError(_not_there(path))
    if ending in tables_for(asked):
        domain = read_table([path], asked, name)
        return replace(domain, layout=f"{shown(str(path))} holds {how_many(domain)}")
    if ending in (".npz", ".npy"):
        data = next(filter(None, (*(getattr(asked, use) for use in COLUMNS), *(asked.columns or ()))), None)
        return read_npz(
            path,
            data=data,
            label=asked.label,
            kind=asked.kind,
            name=name,
            problem=asked.problem,
        )
    if (kind := kind_of_path(path.name)) is not None:
        samples = EXAMPLE_FILES[kind].samples(path.parent, [path.name])
        return Domain(samples, kind, ids=[path.name], name=name)
    readable = [*TABLES, ".npz", ".npy", *(one for files in EXAMPLE_FILES.values() for one in files.readable)]
    raise InputError(f"{path} cannot be read: give a folder or one of {', '.join(readable)}")


def _read_columns(source: Any, asked: Columns, name: str, beside: dict[str, Any]) -> Domain | None:
    """A table in memory, or several called train, val and test; None for anything else."""
    if are_parts(source) and not beside:
        domain = read_parts(source, asked, name)
    elif frame := as_frame(source):
        domain = read_frame(frame, asked, name, **beside)
    else:
        return None
    return replace(domain, layout=f"{name!r} holds {how_many(domain)}")


def is_there(path: Path) -> bool:
    """Whether a file or folder is there; a text that can be no name is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _not_there(path: Path) -> str:
    """A hint for a missing path: the most similar name in the last folder of the path that exists."""
    there = path.absolute()
    while not there.parent.is_dir():
        there = there.parent
    siblings = [entry.name for entry in there.parent.iterdir() if not entry.name.startswith(".")]
    hint = did_you_mean(there.name, siblings, f"There is no {there.name!r} in {there.parent}.")
    return f"{path} does not exist. {hint}"


def _column(use: str, value: str | Values | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InputError(
        f"{use}= names a column here, but {type(value).__name__} was given: values belong to data in memory"
    )


def _values(use: str, value: str | Values | None) -> Values | None:
    if isinstance(value, str):
        raise InputError(
            f"{use}={value!r} names a column, but data in memory has none: give one value for each example"
        )
    return value
