"""Mixed rows: a table of typed columns, and beside them columns of pictures, texts or sounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import Column
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.joined_samples import join_samples
from transferium.errors import DataError, did_you_mean


class MixedRow(dict[str, Any]):
    """The cells of one row by the names of their columns; as a text, those that can be written."""

    def __str__(self) -> str:
        written = {name: cell for name, cell in self.items() if isinstance(cell, (str, int, float))}
        return " · ".join(
            f"{name}: {f'{cell:g}' if isinstance(cell, float) else cell}" for name, cell in written.items()
        )


class MixedTable(Table):
    """A table with columns of examples: ``cells[name]`` is such a column as a domain without labels, of one kind.

    A cell of these may be missing. What its content is, is known once it was scanned: ``cells[name].keys``.
    """

    def __init__(
        self, columns: Sequence[Column], cells: Mapping[str, Domain], *, named: bool = True, rows: int
    ) -> None:
        super().__init__(columns, named=named, rows=rows)
        self.cells = dict(cells)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns: first of those with a type, then of those of examples."""
        return (*super().names, *self.cells)

    @property
    def untyped(self) -> tuple[str, ...]:
        return tuple(self.cells)

    def __contains__(self, name: str) -> bool:
        return super().__contains__(name) or name in self.cells

    def raw(self, index: int) -> dict[str, Any]:
        """One row, by the names of its columns; None for a missing cell."""
        return MixedRow(super().raw(index) | {name: _or_none(cells, index) for name, cells in self.cells.items()})

    def take(self, indices: NDArray[np.intp]) -> MixedTable:
        """The rows at ``indices``, in that order."""
        cells = {name: domain.take(indices) for name, domain in self.cells.items()}
        return MixedTable(super().take(indices).columns, cells, named=self.named, rows=len(indices))

    def select(self, names: Sequence[str]) -> MixedTable:
        """The columns ``names``; raises ``DataError`` for one that is not there."""
        typed = super().select([name for name in names if name not in self.cells])
        cells = {name: self.cells[name] for name in names if name in self.cells}
        return MixedTable(typed.columns, cells, named=self.named, rows=self.rows)

    def with_columns(self, columns: Sequence[Column]) -> MixedTable:
        """The same rows with other typed columns."""
        return MixedTable(columns, self.cells, named=self.named, rows=self.rows)

    def join(self, others: Sequence[Table]) -> MixedTable:
        """The rows of this table and then those of ``others``, which have the same columns."""
        typed, cells = super().join(others), {}
        for name in self.cells:
            links = [self.examples(name), *(other.examples(name) for other in others if isinstance(other, MixedTable))]
            ids = [one for link in links for one in link.ids]
            known = None not in (keys := [link.keys for link in links])
            keys_of_all = tuple(one for some in keys for one in some or ()) if known else None
            samples = join_samples([link.samples for link in links])
            cells[name] = Domain(samples, links[0].kind, ids, keys=keys_of_all, name=name)
        return MixedTable(typed.columns, cells, named=self.named, rows=typed.rows)

    def examples(self, name: str) -> Domain:
        """One column of examples; raises ``DataError`` where there is none of that name."""
        if name not in self.cells:
            listed = ", ".join(map(repr, self.cells))
            hint = did_you_mean(name, [*self.cells], f"It has {listed}.")
            raise DataError(f"the table has no column {name!r} of pictures, texts or sounds. {hint}")
        return self.cells[name]

    def numbers(self) -> NDArray[np.float64]:
        """Raise ``DataError`` where there is a column of examples: pictures and texts are no numbers."""
        if not self.cells:
            return super().numbers()
        raise DataError(f"column {next(iter(self.cells))!r} holds no numbers: the table is no array yet")

    def keys(self, *, single: bool = False, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """SHA-256 of each row's cells by the names of their columns, once the columns of examples were scanned."""
        rows = super().keys(single=single, progress=progress)
        contents = [cells.keys for _, cells in sorted(self.cells.items()) if cells.keys is not None]
        if len(contents) < len(self.cells):
            raise DataError("the columns of pictures, texts and sounds were not scanned yet")
        return [sha256("\n".join(cells).encode()).hexdigest() for cells in zip(rows, *contents, strict=True)]

    def whole(self, rows: NDArray[np.intp]) -> bool:
        """Never: equal pictures and texts are not equal by chance."""
        del rows
        return False


def _or_none(cells: Domain, index: int) -> Any:
    try:
        return cells.samples.raw(index)
    except OSError:
        return None
