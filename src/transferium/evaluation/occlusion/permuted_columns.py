"""Tables with one column permuted: what the answers owe to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.samples import Rows

Permute = Callable[[Domain, str, NDArray[np.intp]], Domain]


def _cells(domain: Domain, name: str, order: NDArray[np.intp]) -> Domain:
    table = domain.samples
    assert isinstance(table, Table)
    columns = [replace(c, values=c.values[order]) if c.name == name else c for c in table.columns]
    return replace(domain, samples=Table(columns, named=table.named, rows=len(table)), keys=None)


def _numbers(domain: Domain, name: str, order: NDArray[np.intp]) -> Domain:
    values, at = domain.features.copy(), names_of(domain).index(name)
    values[:, at] = values[order, at]
    return replace(domain, samples=Rows(values), keys=None)


def names_of(domain: Domain) -> list[str]:
    """The columns of a table or of feature rows; without names, by their place."""
    if isinstance(domain.samples, Table):
        return [column.name for column in domain.samples.columns]
    return list(domain.feature_names or map(str, range(domain.features.shape[1])))


PERMUTED: dict[Kind, Permute] = {"row": _cells, "features": _numbers}
"""Rows whose cells of one column, by name, stand in another order."""
