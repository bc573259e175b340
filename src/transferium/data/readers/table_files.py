"""CSV, TSV, Parquet and JSONL files as domains of images, sounds, texts or rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.labels import encode_groups, encode_parts, labels_of, subgroup_names
from transferium.data.modality import KINDS, by_kind
from transferium.data.picture_pairs import PicturePairs
from transferium.data.readers.cells import as_labels, as_texts, as_values, one_hot
from transferium.data.readers.columns import Columns, settle
from transferium.data.readers.delimited import Delimited
from transferium.data.readers.file_cells import files_of, locate
from transferium.data.readers.jsonlines import JsonLines
from transferium.data.readers.parquet import Parquet, RowGroups
from transferium.data.readers.row_cells import some_begins_with_a_number, with_columns
from transferium.data.samples import Items, Rows, Samples
from transferium.data.sentences.conll import Conll
from transferium.data.sentences.sentence_cells import as_sentence
from transferium.data.text_pair import as_pairs
from transferium.errors import DataError, TransferiumError, option
from transferium.problems.catalogue import AUTO, PROBLEMS, kind_of
from transferium.problems.label_cells import missing_rows
from transferium.problems.problem import Problem
from transferium.system.printable import printable


class TableFile(Protocol):
    """A table file: the first filled cell of each column, and any columns as a ``pyarrow.Table``."""

    path: Path
    first: dict[str, Any]

    def read(self, names: Sequence[str]) -> Any: ...


TABLES: dict[str, type[Delimited] | type[Parquet] | type[JsonLines] | type[Conll]] = {
    ".csv": Delimited,
    ".tsv": Delimited,
    ".parquet": Parquet,
    ".pq": Parquet,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".conll": Conll,
    ".bio": Conll,
    ".iob": Conll,
}
"""Table files by the ending of their name (lower case)."""
IN_PLAIN_TEXT: dict[str, type[Conll]] = {".txt": Conll}
"""Files that are tables where what they hold was asked for by its problem alone: most others of that name are not."""
AT_ONCE = 4_000_000
"""Cells of Parquet files that are read at a time."""


def tables_for(asked: Columns) -> Mapping[str, type[Any]]:
    """``TABLES``, and what else is a table for the problem that was asked for."""
    kind = kind_of(asked.problem)
    return TABLES if kind == AUTO or not PROBLEMS[kind].reads else TABLES | IN_PLAIN_TEXT


def read_table(paths: Sequence[Path], asked: Columns, name: str) -> Domain:
    """One table, which may be cut into several files, as a domain.

    Image paths are relative to the table's folder, or absolute; image bytes stay in the file until they are needed.
    Raises ``DataError`` for missing columns, nulls among labels, and files that are no tables.
    """
    tables: list[TableFile] = [tables_for(asked)[path.suffix.lower()](path) for path in paths]
    where = str(paths[0])
    columns = settle(asked, tables[0].first, where)
    files = columns.of_files()
    lazy = [name for name in files if isinstance(tables[0].first[name], (bytes, dict))]
    names = [n for n in (*columns.named().values(), *(columns.columns or ())) if n not in lazy]
    few = columns.columns is not None and all(isinstance(table, Parquet) for table in tables)
    wanted = [*columns.named().values()] or names[:1] if few else names
    table = _read_all(tables, list(dict.fromkeys([*wanted, *([columns.by] if columns.by else [])])))
    if table.num_rows == 0:
        raise DataError(f"{where} has the columns {', '.join(map(repr, tables[0].first))} but no rows")
    samples, said = _samples(paths, table, columns, where)
    labels, problem, gaps = _labels(table, columns, asked.label is not None, where, samples)
    ids = _ids(table, columns, len(files) != 1 or bool(lazy))
    domain = Domain(
        samples=samples,
        kind=columns.kind or "row",
        ids=ids,
        labels=labels,
        problem=problem,
        parts=encode_parts(as_values(table[columns.part]), f"{where}, column {columns.part!r},")
        if columns.part
        else None,
        groups=encode_groups(as_values(table[columns.group])) if columns.group else None,
        by=subgroup_names(as_values(table[columns.by])) if columns.by else None,
        name=name,
        ignored={"labels": tuple(ids[row] for row in sorted({*range(len(ids))} - {*gaps}))} if gaps else {},
    )
    if columns.columns is not None:
        typed = [name for name in columns.columns if name not in columns.examples]
        cells = AFewColumns(tables, typed, table.num_rows) if few else table.column
        examples = partial(_examples, paths, tables, where)
        return with_columns(domain, cells, columns, where, asked=asked.columns is not None, examples=examples)
    if labels is None:
        domain = replace(domain, ignored={**domain.ignored, **_candidates(tables, columns)})
    return replace(domain, layout=f"{said}{columns.about()}")


def _samples(paths: Sequence[Path], table: Any, columns: Columns, where: str) -> tuple[Samples, str]:
    """The examples of one column, and what they are in words; of rows, which are read later, places alone."""
    if columns.columns is not None:
        return Rows(np.zeros((table.num_rows, 0))), ""
    kind = columns.kind or "row"
    return by_kind(CELLS, kind, "reader of table cells")(paths, table, columns.of_examples(kind), where)


class AFewColumns:
    """The columns of Parquet files by name, read a few at a time: a table need not be in memory twice."""

    def __init__(self, tables: Sequence[TableFile], names: Sequence[str], rows: int) -> None:
        self._step = max(1, AT_ONCE // max(1, rows))
        self._tables, self._names = tables, names
        self._held: Any = None
        self._held_at: dict[str, int] = {}
        self._place = {name: i for i, name in enumerate(names)}

    def __call__(self, name: str) -> Any:
        """The column ``name``; those beside it are kept until one of others is asked for."""
        if name not in self._held_at:
            self._held = None
            first = self._place[name] - self._place[name] % self._step
            self._held = _read_all(self._tables, list(self._names[first : first + self._step]))
            self._held_at = {held: i for i, held in enumerate(self._held.column_names)}
        return self._held.column(self._held_at[name])


def meant_by(path: Path, asked: Columns) -> str:
    """The kind of example that a table holds by its first cells; ``""`` where it holds none, or is no table."""
    try:
        first = TABLES[path.suffix.lower()](path).first
        columns = settle(replace(asked, kind=None), first, str(path))
    except TransferiumError:
        return ""
    if columns.columns is None:
        return columns.kind or ""
    return "row" if some_begins_with_a_number(columns.columns, first) else ""


def agrees_with_folders(path: Path, asked: Columns) -> bool:
    """Whether a table of files says the same as the folders they lie in: each label is one, or there are none."""
    table = TABLES[path.suffix.lower()](path)
    columns = settle(asked, table.first, str(path))
    files = columns.of_files()
    if columns.label is None or not files:
        return True
    cells = table.read([files[0], columns.label])
    names, labels = (as_values(cells[name]) for name in (files[0], columns.label))
    return all(str(label) in PurePosixPath(str(name)).parts[:-1] for name, label in zip(names, labels, strict=True))


def _examples(paths: Sequence[Path], tables: Sequence[TableFile], where: str, name: str, kind: Kind) -> Samples:
    """A column of mixed rows that holds examples."""
    lazy = isinstance(tables[0].first[name], (bytes, dict))
    table = _read_all(tables, [] if lazy else [name])
    return by_kind(CELLS, kind, "reader of table cells")(paths, table, name, where)[0]


def _candidates(tables: Sequence[TableFile], columns: Columns) -> dict[str, tuple[str, ...]]:
    """The columns that have no use yet, of which one may hold labels; and those that hold one label in parts."""
    first = tables[0].first
    free = [name for name in first if name not in columns.named().values()]
    flags = [name for name in free if first[name] in (0, 1, "0", "1", "0.0", "1.0")]
    parts = one_hot(_read_all(tables, flags)) if len(flags) > 1 else ()
    return {reason: tuple(names) for reason, names in (("candidates", free), ("one-hot", parts)) if names}


def _read_all(tables: Sequence[TableFile], names: list[str]) -> Any:
    import pyarrow as pa

    for table in tables[1:]:
        if missing := [name for name in names if name not in table.first]:
            raise DataError(f"{table.path} has no column {missing[0]!r}, which {tables[0].path.name} has")
    read = [table.read(names) for table in tables]
    if not names:  # of a column that stays in the file, nothing but how many rows it has
        return pa.table({"": pa.nulls(sum(one.num_rows for one in read))})
    return pa.concat_tables(read, promote_options="permissive")


def _labels(
    table: Any, columns: Columns, asked: bool, where: str, samples: Samples
) -> tuple[NDArray[Any] | None, Problem | None, list[int]]:
    """Labels, the problem that they pose, and the rows for want of which there are no labels.

    A column that was only guessed and is empty throughout means that there are none.
    """
    if columns.label is None:
        return None, None, []
    values = as_labels(table, columns.label)
    if not asked and all(value in (None, "") for value in values):
        return None, None, []
    if columns.gaps and (gaps := missing_rows(values)):
        return None, None, gaps
    if isinstance(next((v for v in values if v is not None), None), (dict, bytes)):
        found = table[columns.label].type
        raise DataError(
            f"{where}: column {columns.label!r} holds {found}, not labels: name another with {option('label')}"
        )
    kind = columns.kind or "row"
    return *labels_of(samples, kind, values, f"column {columns.label!r} of {where}", columns.problem), []


def _ids(table: Any, columns: Columns, numbered: bool) -> list[str]:
    """The id column, else paths of files unless examples are ``numbered``, else row numbers from 0."""
    column = columns.id or (None if numbered else columns.of_files()[0])
    if column is None:
        return [str(row) for row in range(table.num_rows)]
    ids = [str(row) if value is None else str(value) for row, value in enumerate(as_values(table[column]))]
    return list(printable(ids))


def _texts(_paths: Sequence[Path], table: Any, name: str, where: str) -> tuple[Samples, str]:
    """Texts; a cell without one is an empty text, which the doctor puts aside."""
    return Items([text or "" for text in as_texts(table[name], name, where)]), f"texts in column {name!r}"


def _file_column(paths: Sequence[Path], name: str) -> Sequence[Any]:
    if paths[0].suffix.lower() in (".parquet", ".pq"):
        return RowGroups(paths, name)
    return as_values(_read_all([TABLES[path.suffix.lower()](path) for path in paths], [name])[name])


def _files(kind: Kind, paths: Sequence[Path], table: Any, name: str, where: str) -> tuple[Samples, str]:
    lazy, found = name not in table.column_names, ""
    cells: Sequence[Any] = _file_column(paths, name) if lazy else as_texts(table[name], name, where)
    if not lazy:
        cells, found = locate(paths[0], cells, name, kind)
    return files_of(paths[0].parent, cells, kind), f"{KINDS[kind]} in column {name!r}{f' ({found})' * bool(found)}"


def _sentences(_paths: Sequence[Path], table: Any, name: str, where: str) -> tuple[Samples, str]:
    """Lists of words, or texts, which are cut into words."""
    cells, at = as_values(table[name]), f"{where}: column {name!r}"
    return Items([as_sentence(cell, at) for cell in cells]), f"sentences in column {name!r}"


def _pairs(_paths: Sequence[Path], table: Any, names: tuple[str, str], where: str) -> tuple[Samples, str]:
    """Two texts; a cell without one is an empty text, and the doctor puts its pair aside."""
    texts = [as_texts(table[name], name, where) for name in names]
    said = f"pairs of texts in columns {names[0]!r} and {names[1]!r}"
    return Items(as_pairs(zip(*texts, strict=True), where)), said


def _picture_pairs(paths: Sequence[Path], table: Any, names: tuple[str, str], where: str) -> tuple[Samples, str]:
    """Two pictures; where one of them is missing, the doctor puts the pair aside."""
    (first, said), (second, also) = (_files("image", paths, table, name, where) for name in names)
    return PicturePairs.of(first, second), f"pairs of {said} and {also}"


CELLS: dict[Kind, Callable[[Sequence[Path], Any, Any, str], tuple[Samples, str]]] = {
    "image": partial(_files, "image"),
    "text": _texts,
    "sound": partial(_files, "sound"),
    "pair": _pairs,
    "image_pair": _picture_pairs,
    "sentence": _sentences,
}
"""The samples of one column of a table (of a pair, of two), in words too; what is not read yet stays in the file."""
