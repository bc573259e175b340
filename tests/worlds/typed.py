"""Typed columns in a line each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferium.data.columns.column import Column, ColumnType


def number(name: str, values: object) -> Column:
    return Column(name, "number", np.asarray(values, np.float64))


def date(name: str, values: object) -> Column:
    return Column(name, "date", np.asarray(values, "datetime64[s]"))


def coded(name: str, cells: Sequence[str | None], type: ColumnType = "category") -> Column:
    """Texts as codes into their sorted levels; None is missing."""
    levels = sorted({cell for cell in cells if cell is not None})
    place = {level: code for code, level in enumerate(levels)}
    return Column(
        name, type, np.array([-1 if cell is None else place[cell] for cell in cells], np.int32), tuple(levels)
    )
