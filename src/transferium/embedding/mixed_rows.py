"""Mixed rows through the columns that they are made of: each different picture or text is embedded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.mixed_table import MixedTable
from transferium.errors import DataError
from transferium.models.catalogue import find_backbone
from transferium.models.mixed.embedded_column import EmbeddedColumn
from transferium.models.mixed.mixed_preprocess import MixedPreprocess


def mixed_table(domains: Sequence[Domain]) -> MixedTable:
    """The rows of mixed ``domains``, one after another; raises ``DataError`` for other examples."""
    tables = []
    for domain in domains:
        if not isinstance(domain.samples, MixedTable):
            raise DataError(f"{domain.name!r} holds {domain.kind} examples and no table with columns of examples")
        tables.append(domain.samples)
    return tables[0] if len(tables) == 1 else tables[0].join(tables[1:])


def with_usual(read: MixedPreprocess, table: MixedTable) -> MixedPreprocess:
    """``read`` with a backbone for each column of examples: its own, or the usual one of that kind."""
    known = {cell.name: cell for cell in read.cells}
    return replace(read, cells=tuple(known.get(name) or _usual(name, cells) for name, cells in table.cells.items()))


def _usual(name: str, cells: Domain) -> EmbeddedColumn:
    found = find_backbone(None, cells.kind)
    if found.preprocess is not None:
        found = replace(found, preprocess=found.preprocess.suited(cells))
    return EmbeddedColumn(name, cells.kind, found)


def why_unread(cells: Domain, problems: dict[int, str]) -> dict[int, str]:
    """Why cells could not be read: what scanning them again says where nothing but that was kept."""
    unread = [i for i in problems if cells.keys is not None and not cells.keys[i]]
    again = scan(replace(cells.take(np.array(unread, np.intp)), keys=None)).problems if unread else {}
    return problems | {unread[i]: why for i, why in again.items()}
