"""Mixed rows as numbers: typed columns by their codes, columns of examples by a backbone each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from transferium.data.columns.column import PLURAL
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.mixed_table import MixedTable
from transferium.errors import DataError
from transferium.models.backbone import Backbone
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.mixed.embedded_column import EmbeddedColumn
from transferium.models.sources.wrapped import randomised


@dataclass(frozen=True)
class MixedPreprocess(ColumnsPreprocess):
    """The encoding of typed columns, and behind it each of ``cells``: columns of pictures, texts or sounds.

    It reads nothing before it was fitted, when it has no ``inputs``; ``cells`` may say beforehand which backbones to
    take. The others are the usual ones.
    """

    cells: tuple[EmbeddedColumn, ...] = ()
    kind: ClassVar[str] = "mixed"

    @property
    def width(self) -> int:
        return super().width + sum(cell.width for cell in self.cells)

    @property
    def fitted(self) -> bool:
        """Whether it was fitted to the columns of a table."""
        return bool(self.inputs)

    @property
    def types(self) -> dict[str, Any]:
        return super().types | {cell.name: cell.kind for cell in self.cells}

    def seen(self, table: Table) -> MixedTable:
        if not isinstance(table, MixedTable):
            raise DataError(f"the model reads mixed rows: say of {self.cells[0].name!r} what it holds.")
        beside = {cell.name: table.examples(cell.name) for cell in self.cells}
        for cell in self.cells:
            cell.check_reads(beside[cell.name])
        return MixedTable(super().seen(table).columns, beside, named=table.named, rows=len(table))

    def with_codes(self, table: MixedTable, cells: Sequence[EmbeddedColumn], why: Mapping[str, str]) -> MixedPreprocess:
        """Fitted to the typed columns of a table, beside fitted ``cells`` and those that are left out, and why."""
        codes, left = self.codes_of(Table(table.columns, named=table.named, rows=len(table)))
        left |= why
        made = replace(self, codes=codes, inputs=table.names, left_out=left, named=table.named, cells=tuple(cells))
        if not made.width:
            raise DataError(f"there is no column to learn from: {made.said_left_out()}.")
        return made

    def about(self) -> list[dict[str, Any]]:
        embedded = {cell.name: {"name": cell.name} | cell.about() for cell in self.cells}
        return [embedded.get(column["name"], column) for column in super().about()]

    def blocks(self) -> dict[str, tuple[str, ...]]:
        """Each column of examples by its name; the typed columns of one type together."""
        typed: dict[str, tuple[str, ...]] = {}
        for code in self.codes:
            called = PLURAL[code.type]
            typed[called] = (*typed.get(called, ()), code.name)
        return {cell.name: (cell.name,) for cell in self.cells} | typed

    def without(self, columns: Sequence[str]) -> MixedPreprocess:
        """The same without these columns."""
        codes = tuple(code for code in self.codes if code.name not in columns)
        return replace(self, codes=codes, cells=tuple(cell for cell in self.cells if cell.name not in columns))

    @property
    def fineness(self) -> str:
        return ", ".join(
            f for cell in self.cells if cell.backbone.preprocess and (f := cell.backbone.preprocess.fineness)
        )

    def cheaper(self) -> MixedPreprocess:
        return replace(self, cells=tuple(replace(cell, backbone=_cheaper(cell.backbone)) for cell in self.cells))

    def redrawn(self, seed: int) -> MixedPreprocess:
        """Not fitted yet, with the networks behind pictures, texts and sounds drawn at random."""
        drawn = [EmbeddedColumn(cell.name, cell.kind, _drawn(cell.backbone, seed)) for cell in self.cells]
        return MixedPreprocess((), (), {}, cells=tuple(drawn))

    def unread(self, *domains: Domain) -> str:
        said = []
        for cell in self.cells if self.fitted else ():
            columns = [d.samples.examples(cell.name) for d in domains if isinstance(d.samples, MixedTable)]
            reads = cell.backbone.preprocess
            if reads is not None and (found := reads.unread(*columns)):
                said.append(f"of column {cell.name!r}, {found}")
        return "; ".join(said)

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"kind": self.kind, "cells": [cell.to_json() for cell in self.cells]}

    @classmethod
    def restored(cls, saved: Mapping[str, Any], backbones: Sequence[Backbone]) -> MixedPreprocess:
        """The inverse of ``to_json``, from the backbones of its ``cells`` in order."""
        typed = ColumnsPreprocess.from_json({name: value for name, value in saved.items() if name != "cells"})
        cells = []
        for told, backbone in zip(saved["cells"], backbones, strict=True):
            mean = tuple(map(float, told["mean"]))
            if len(mean) != backbone.width or backbone.kind != told["kind"] or told["name"] not in typed.inputs:
                raise ValueError(f"the backbone of {told['name']!r} gives {backbone.width} numbers, not {len(mean)}")
            facts = (float(told["scale"]), bool(told["flag"]), int(told["filled"]))
            cells.append(EmbeddedColumn(str(told["name"]), backbone.kind, backbone, mean, *facts))
        return cls(typed.codes, typed.inputs, typed.left_out, typed.named, cells=tuple(cells))


def _drawn(backbone: Backbone, seed: int) -> Backbone:
    return randomised(backbone, seed, full=True) if backbone.pretrained else backbone


def _cheaper(backbone: Backbone) -> Backbone:
    if backbone.preprocess is None or not backbone.any_size:
        return backbone
    return replace(backbone, preprocess=backbone.preprocess.cheaper())
