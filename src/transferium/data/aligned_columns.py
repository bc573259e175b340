"""Tables of several domains as tables of the same columns: by name, each of one type, with what is left out said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transferium.data.columns.column import Column, ColumnType, one_level_each
from transferium.data.columns.infer import as_type
from transferium.data.columns.numbers import unit_of
from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import Domain
from transferium.errors import DataError, did_you_mean

_TRUTH = dict.fromkeys(("yes", "y", "t", "true"), "True") | dict.fromkeys(("no", "n", "f", "false"), "False")
"""What the truth values of one table are called where another has more of them, as categories."""


def align_columns(domains: Sequence[Domain], roles: Sequence[str]) -> tuple[list[Domain], list[Finding]]:
    """``domains`` over the columns that all have, in the order of the first; other examples stay as they are.

    A column has the type of the first domain whose cells can all be read so; where there is none, the cells are
    categories in all. ``roles`` say what the domains are ("source", "target"). Raises ``DataError`` where the tables
    have no column in common.
    """
    tables = [domain.samples for domain in domains if isinstance(domain.samples, Table)]
    if len(tables) < len(domains) or not all(table.named and len(table) for table in tables):
        return [*domains], []
    shared = [name for name in tables[0].names if all(name in table for table in tables)]
    names = [name for name in shared if not any(name in table.untyped for table in tables)]
    beside = [name for name in shared if all(name in table.untyped for table in tables)]
    if not names and not beside:
        odd = tables[1].names[0] if tables[1].names else ""
        hint = did_you_mean(odd, tables[0].names, "Give the columns that mean the same one name.")
        raise DataError(
            f"the {roles[0]} {domains[0].name!r} and the {roles[1]} {domains[1].name!r} have no column in common: "
            f"{some(map(repr, tables[0].names), 5)} and {some(map(repr, tables[1].names), 5)}. {hint}"
        )
    findings = [
        _alone(role, domain, [name for name in table.names if name not in (*names, *beside)])
        for role, domain, table in zip(roles, domains, tables, strict=True)
        if set(table.names) - {*names, *beside}
    ]
    columns: list[list[Column]] = [[] for _ in tables]
    for name in names:
        cells = [table[name] for table in tables]
        alike, said = _of_one_type(cells, roles)
        findings += said + _empty(alike, roles) + _in_other_units(cells, roles)
        for place, column in zip(columns, alike, strict=True):
            place.append(column)
    aligned = [
        replace(domain, samples=table.select(beside).with_columns(own), feature_names=(*names, *beside), keys=None)
        for domain, table, own in zip(domains, tables, columns, strict=True)
    ]
    return aligned, findings


def _alone(role: str, domain: Domain, names: Sequence[str]) -> Finding:
    verb = "is" if len(names) == 1 else "are"
    message = (
        f"{count(len(names), 'column')} of the {role} {domain.name!r} {verb} not in every table, and {verb} not used: "
        f"{some(map(repr, names), 10)}"
    )
    return Finding("unshared-column", "warning", message, tuple(names))


def _of_one_type(cells: Sequence[Column], roles: Sequence[str]) -> tuple[list[Column], list[Finding]]:
    """One column of every table as the type that fits all, and what is said where they were read as several."""
    types = [column.type for column in cells if not column.missing.all()] or [cells[0].type]
    if len(set(types)) == 1:
        return [as_type(column, types[0]) for column in cells], []
    for wanted in sorted(dict.fromkeys(types), key="text".__eq__):
        if (alike := _read_as(cells, wanted)) is not None:
            break
    else:
        wanted = "category"
        alike = [_as_category(column, any(one.type == "boolean" for one in cells)) for column in cells]
    if wanted == "text":  # left out in all tables, for what is the matter in one
        why = next((column.note for column in cells if column.type == "text" and column.note), "")
        alike = [replace(column, note=column.note or why) for column in alike]
    were = ", ".join(f"{column.type} in the {role}" for role, column in zip(roles, cells, strict=True))
    message = f"column {cells[0].name!r} looks like {were}; it is read as {wanted} in all"
    return alike, [Finding("column-types", "note", message)]


def _read_as(cells: Sequence[Column], wanted: ColumnType) -> list[Column] | None:
    """All columns as ``wanted``; None where a cell is not of that type."""
    if wanted == "category" and any(column.type == "boolean" for column in cells):
        return None
    try:
        return [as_type(column, wanted) for column in cells]
    except DataError:
        return None


def _as_category(column: Column, truth: bool) -> Column:
    """The texts of a column as levels; with ``truth`` those that say yes or no are called true and false."""
    found = as_type(column, "category")
    if not truth:
        return found
    codes, levels = one_level_each(found.values, [_TRUTH.get(level.lower(), level) for level in found.levels])
    return replace(found, values=codes, levels=levels)


def _in_other_units(cells: Sequence[Column], roles: Sequence[str]) -> list[Finding]:
    """A finding where the cells of one column name several units, which are not converted."""
    units = {role: unit for role, column in zip(roles, cells, strict=True) if (unit := unit_of(column.note))}
    if len(set(units.values())) < 2:
        return []
    said = " and ".join(f"in {unit} in the {role}" for role, unit in units.items())
    message = f"column {cells[0].name!r} is {said}, and its numbers are read as written: give both in one unit"
    return [Finding("column-units", "warning", message)]


def _empty(cells: Sequence[Column], roles: Sequence[str]) -> list[Finding]:
    """A finding where a column has no value in one table and some in another."""
    empty = [role for role, column in zip(roles, cells, strict=True) if column.missing.all()]
    if not empty or len(empty) == len(cells):
        return []
    message = f"all cells of column {cells[0].name!r} are missing in the {' and the '.join(empty)}"
    return [Finding("empty-column", "warning", message)]
