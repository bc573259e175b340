"""Rows of a table: several cells of each, as typed columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from transferium.data.columns.column import PLURAL, UNUSED, USED, Column, ColumnType
from transferium.data.columns.infer import COUNTERS, infer
from transferium.data.columns.numbers import as_numbers
from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.mixed_table import MixedTable
from transferium.data.modality import KINDS
from transferium.data.readers.columns import Columns
from transferium.data.samples import Rows, Samples
from transferium.errors import DataError, option
from transferium.problems.label_cells import as_number


def some_begins_with_a_number(names: Sequence[str], first: Mapping[str, Any]) -> bool:
    """Whether one of the columns begins with a number, or a list of them; those that count rows do not count."""
    cells = [first[name] for name in names if name not in COUNTERS]
    return any(isinstance(cell, list) or as_number(cell) is not None for cell in cells)


def with_columns(
    domain: Domain,
    cells: Callable[[str], Any],
    columns: Columns,
    where: str,
    *,
    asked: bool,
    examples: Callable[[str, Kind], Samples],
) -> Domain:
    """``domain`` with the columns of a table as its rows, or as features if that was asked; ``cells`` are Arrow columns
    by name, which are asked for in order, and ``examples`` those of mixed rows that hold pictures, texts or sounds.

    Raises ``DataError`` where a column is not of the type that was said, where nothing could be learned from them, for
    one column of words that was not ``asked`` for (it may be texts), and for features that are no numbers.
    """
    found: list[Column] = []
    for name in columns.columns or ():
        try:
            found += [] if name in columns.examples else _expanded(name, cells(name), columns.typed.get(name))
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
    if columns.examples:
        beside = {
            name: Domain(examples(name, kind), kind, domain.ids, name=name) for name, kind in columns.examples.items()
        }
        rows: Table = MixedTable(found, beside, rows=len(domain))
    else:
        _check_some_used(found, columns, asked, where)
        rows = Table(found)
    names = rows.names
    if domain.kind == "features":
        if odd := next((column for column in found if column.type != "number"), None):
            how = f"is a {odd.type}{f' ({odd.note})' * bool(odd.note)}"
            raise DataError(f"{where}: features are numbers, and column {odd.name!r} {how}: leave it out.")
        values = rows.numbers()
        return replace(domain, samples=Rows(values), feature_names=names, layout=f"rows of numbers{columns.about()}")
    return replace(
        domain, samples=rows, feature_names=names, layout=f"rows of {_said(found, columns.examples)}{columns.about()}"
    )


def _check_some_used(found: Sequence[Column], columns: Columns, asked: bool, where: str) -> None:
    used = [column for column in found if column.type in USED]
    if not used:
        listed = "; ".join(f"{c.name!r} ({c.note or UNUSED[c.type]})" for c in found[:5])
        named = ", ".join(map(repr, columns.named().values()))
        raise DataError(
            f"{where} has no column to learn from{f': {listed}' if listed else f', only {named}'}. Say "
            f"{option('type', 'COL=number')} (or category) of one, or name the one of texts or images with "
            f"{option('text')} or {option('image')}."
        )
    if len(found) == 1 and used[0].type == "category" and not (asked or columns.types):
        name = used[0].name
        raise DataError(
            f"{where}: the only column to learn from is {name!r}, of words. If it holds texts, say "
            f"{option('text', name)}; if categories, {option('columns', name)}."
        )


def said_types(columns: Sequence[Column]) -> str:
    """The types of columns in words: ``numbers``, or ``6 numbers and 8 categories``; and how some are written."""
    counts = Counter(column.type for column in columns if column.type in PLURAL)
    parts = [f"{n} {name if n == 1 else PLURAL[name]}" for name, n in counts.items()]
    said = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "no columns that are read"
    said = PLURAL["number"] if {*counts} == {"number"} else said
    forms: dict[str, list[str]] = {}
    for column in columns:
        if column.note and column.type in PLURAL:
            forms.setdefault(column.note, []).append(column.name)
    return said + "".join(f", {', '.join(names)} with {how}" for how, names in forms.items())


def _said(found: Sequence[Column], examples: Mapping[str, Kind]) -> str:
    """The typed columns of a table in words, and those of examples."""
    counts = Counter(examples.values())
    of_examples = [f"{n} {'column' if n == 1 else 'columns'} of {KINDS[kind]}" for kind, n in counts.items()]
    return " and ".join(
        [", ".join(of_examples), said_types(found)] if of_examples and found else of_examples or [said_types(found)]
    )


def _expanded(name: str, cells: Any, said: ColumnType | None) -> list[Column]:
    """One column, or one for each place of lists of numbers."""
    from pyarrow import types

    kind = cells.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        numbers = as_numbers(cells)
        if numbers is not None and numbers.ndim == 2:
            wide = np.asfortranarray(numbers, np.float64)
            return [Column(f"{name}[{i}]", "number", wide[:, i]) for i in range(wide.shape[1])]
    return [infer(name, cells, said)]


def input_names(names: Sequence[str], there: Mapping[str, Any]) -> list[str]:
    """The columns of a file that ``names`` come from: ``a`` of ``a[0]``, which is one place of a list."""
    return list(dict.fromkeys(name if name in there else name.rpartition("[")[0] or name for name in names))
