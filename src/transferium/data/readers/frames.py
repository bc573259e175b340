"""Tables in memory: data frames, Arrow tables, Hugging Face data sets, dictionaries of columns, lists of records."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES, kind_of_path
from transferium.data.labels import PART_NAMES
from transferium.data.modality import KINDS, by_kind
from transferium.data.picture_pairs import PicturePairs
from transferium.data.readers.arrays import Values, with_values
from transferium.data.readers.cells import class_names, with_class_names
from transferium.data.readers.columns import Columns, settle
from transferium.data.readers.file_cells import files_of
from transferium.data.readers.parts import join_parts
from transferium.data.readers.row_cells import with_columns
from transferium.data.readers.sequences import as_arrow, as_list, column_names, is_picture
from transferium.data.samples import Files, Items, Rows, Samples
from transferium.data.sentences.sentence_cells import as_sentence
from transferium.data.text_pair import as_pairs
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.problems.label_cells import is_missing, is_several

Frame = Mapping[str, Any]
"""The columns of a table in memory by their names, each as the table gives it."""
NUMBERS = (int, float, np.number, np.bool_, type(None))


def as_frame(source: Any) -> Frame | None:
    """The columns of a table in memory; None for what is no table, or one whose columns are not called by texts.

    >>> list(as_frame({"text": ["so", "it"], "label": [1, 0]})), as_frame(["so", "it"])
    (['text', 'label'], None)
    """
    if isinstance(source, Mapping):
        plain = all(isinstance(name, str) and not isinstance(one, (str, bytes)) for name, one in source.items())
        lengths = {len(one) if hasattr(one, "__len__") else -1 for one in source.values()}
        return source if plain and len(lengths) == 1 and -1 not in lengths and not are_parts(source) else None
    if isinstance(source, (list, tuple)):
        records = bool(source) and all(isinstance(row, Mapping) for row in source)
        names = dict.fromkeys(name for row in source for name in row) if records else {}
        plain = records and all(map(_is_text, names))
        return {name: [row.get(name) for row in source] for name in names} if plain else None
    called = column_names(source)
    if called is None:
        columns = getattr(source, "columns", None)
        if np.iterable(columns) and not isinstance(columns, Mapping) and not tuple(columns):
            raise DataError("the table has no columns: give one at least")
        return None
    if len(set(called)) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise DataError(f"several columns of the table are called {twice!r}: give each a name of its own.")
    classes = {name: class_names(source, name) for name in called}
    return {
        name: with_class_names(as_list(source[name], name), classes[name]) if classes[name] else source[name]
        for name in called
    }


def are_parts(source: Any) -> bool:
    """Whether this is a dictionary of tables, as Hugging Face's ``DatasetDict`` is one."""
    tables = source.values() if isinstance(source, Mapping) else ()
    return bool(tables) and all(column_names(table) or isinstance(table, Mapping) for table in tables)


def holds_numbers(frame: Frame) -> bool:
    """Whether every column begins with a number or a truth value."""
    return all(isinstance(_first(cells), NUMBERS) for cells in frame.values())


def read_frame(frame: Frame, asked: Columns, name: str, **beside: Values | None) -> Domain:
    """A table in memory as a domain, by the rules for files; a column that stands alone may have any name.

    ``beside`` are labels, parts, groups and ids that are given as values, not as columns.
    """
    where, n = repr(name), len(next(iter(frame.values())))
    if not n:
        raise DataError(f"{where} holds no examples: give at least one")
    first = {column: _first(cells) for column, cells in frame.items()}
    columns = settle(_alone(asked, first), first, where)
    cells = {use: as_list(frame[column], f"column {column!r}") for use, column in columns.named().items()}
    if asked.label is None and all(map(is_missing, cells.get("label", ()))):
        cells.pop("label", None)
    numbered = [str(row) for row in range(n)]
    domain = Domain(Rows(np.zeros((n, 0))), columns.kind or "row", numbered, name=name)
    if columns.columns is not None:
        alone = asked.columns is None and not asked.labels_beside
        domain = with_columns(
            domain,
            lambda name: as_arrow(frame[name]),
            columns,
            where,
            asked=not alone,
            examples=lambda name, kind: by_kind(MEMORY_CELLS, kind, "reader of columns in memory")(
                as_list(frame[name], f"column {name!r}"), name, where
            ),
        )
    else:
        use = domain.kind
        named = columns.of_examples(use)
        both = [named] if isinstance(named, str) else named
        sides = [as_list(frame[name], f"column {name!r}") for name in both]
        given_cells = sides[0] if len(sides) == 1 else list(zip(*sides, strict=True))
        samples = by_kind(MEMORY_CELLS, use, "reader of columns in memory")(given_cells, named, where)
        said = f"{KINDS[use]} in column{'s' * (len(both) > 1)} {' and '.join(map(repr, both))}{columns.about()}"
        ids = list(samples.names) if isinstance(samples, Files) else numbered
        domain = replace(domain, samples=samples, ids=ids, layout=said)
    given = {use: values for use, values in beside.items() if values is not None}
    return with_values(
        domain, problem=columns.problem, **{use: cells.get(use) for use in ("label", "part", "group", "id")} | given
    )


def read_parts(tables: Mapping[str, Any], asked: Columns, name: str) -> Domain:
    """Tables called train, val and test, as a Hugging Face ``DatasetDict`` holds them."""
    parts = {key: PART_NAMES.get(str(key).strip().lower()) for key in tables}
    if not any(parts.values()):
        raise InputError(f"the tables are called {', '.join(map(repr, tables))}: call them train, val and test.")
    if left := [repr(key) for key, part in parts.items() if part is None]:
        warnings.warn(f"{', '.join(left)} of {name!r}: no train, val or test part, left aside", TransferiumWarning, 3)
    read = {
        part: read_frame(as_frame(tables[key]) or {}, asked, f"{name}/{part}") for key, part in parts.items() if part
    }
    return join_parts(read, name)


def _alone(asked: Columns, first: Mapping[str, Any]) -> Columns:
    """A column of texts, pictures or sounds that stands alone is what is read, whatever its name."""
    name, cell = next(iter(first.items()))
    if len(first) > 1 or asked.named() or asked.columns or not isinstance(cell, (str, bytes)):
        return asked
    files = asked.kind if asked.kind in EXAMPLE_FILES else kind_of_path(cell) if asked.kind is None else None
    kind = files or ("image" if isinstance(cell, bytes) else "text")
    uses: dict[str, Any] = {kind: name}
    return replace(asked, **uses)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _first(cells: Any) -> Any:
    """The first filled cell near the top; bytes stand for any picture."""
    top = (cell.as_py() if hasattr(cell, "as_py") else cell for cell in islice(iter(cells), 50))
    cell = next((cell for cell in top if not is_missing(cell)), None)
    return b"" if is_picture(cell) else os.fspath(cell) if isinstance(cell, os.PathLike) else cell


def _files(kind: Kind, cells: Sequence[Any], _name: str, _where: str) -> Samples:
    plain = [os.fspath(cell) if isinstance(cell, os.PathLike) else cell for cell in cells]
    return files_of(Path(), [None if isinstance(cell, str) and not cell else cell for cell in plain], kind)


def _texts(cells: Sequence[Any], name: str, where: str) -> Samples:
    """Texts; a cell without one is an empty text, which the doctor puts aside."""
    if odd := next((cell for cell in cells if is_several(cell) or isinstance(cell, (Mapping, bytes))), None):
        raise DataError(f"{where}: column {name!r} holds {type(odd).__name__}, not texts")
    return Items([str(cell) if isinstance(cell, str) or not is_missing(cell) else "" for cell in cells])


def _sentences(cells: Sequence[Any], name: str, where: str) -> Samples:
    """Lists of words, or texts, which are cut into words."""
    at = f"{where}: column {name!r}"
    return Items([as_sentence(cell if is_several(cell) or not is_missing(cell) else None, at) for cell in cells])


def _pairs(cells: Sequence[Any], _names: object, where: str) -> Samples:
    return Items(as_pairs(cells, where))


def _picture_pairs(cells: Sequence[Any], names: Sequence[str], where: str) -> Samples:
    sides = zip(*cells, strict=True)
    return PicturePairs.of(*(_files("image", side, name, where) for side, name in zip(sides, names, strict=True)))


MEMORY_CELLS: dict[Kind, Callable[[Sequence[Any], Any, str], Samples]] = {
    "image": partial(_files, "image"),
    "text": _texts,
    "sound": partial(_files, "sound"),
    "pair": _pairs,
    "image_pair": _picture_pairs,
    "sentence": _sentences,
}
"""The samples of one column of a table in memory."""
