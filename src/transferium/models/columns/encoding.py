"""The fitted encoding of a table: which columns a model reads, each as what, and which were left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import UNUSED, USED, Column, ColumnType
from transferium.data.columns.infer import as_type
from transferium.data.columns.table import Table
from transferium.errors import DataError, did_you_mean
from transferium.models.columns.codes import CODES, Code, code_from_json, code_to_json
from transferium.models.columns.row_layers import RowLayers
from transferium.models.preprocess import Preprocess

ONE_VALUE = "one value throughout the training part"
NO_VALUE = "no value in the training part"
ALL_RARE = "nearly every row of the training part has a value of its own"


@dataclass(frozen=True)
class ColumnsPreprocess(Preprocess):
    """A row of a table as numbers: each column by its own ``Code``, in the order of their names.

    ``inputs`` are all columns of the training part in order, ``left_out`` the reason for each that is not read.
    Without ``named`` (arrays) a column is known by its place. ``learned`` are layers that read these numbers, where
    they were pretrained.
    """

    codes: tuple[Code, ...]
    inputs: tuple[str, ...]
    left_out: Mapping[str, str]
    named: bool = True
    learned: RowLayers | None = None
    kind: ClassVar[str] = "row"

    @classmethod
    def fit(cls, tables: Sequence[Table]) -> ColumnsPreprocess:
        """The encoding of ``tables`` of the same columns, fitted to their rows together; no label is looked at.

        Raises ``DataError`` where there is no column that anything could be learned from.
        """
        table = tables[0] if len(tables) == 1 else tables[0].join(tables[1:])
        codes, left = cls.codes_of(table)
        made = cls(codes, table.names, left, table.named)
        if not codes:
            raise DataError(f"there is no column to learn from: {made.said_left_out() or 'the table has none'}.")
        return made

    @staticmethod
    def codes_of(table: Table) -> tuple[tuple[Code, ...], dict[str, str]]:
        """The code of each column that something can be learned from, by name; of the others, why not."""
        codes: list[Code] = []
        left: dict[str, str] = {}
        for column in sorted(table.columns, key=lambda column: column.name) if table.named else table.columns:
            code = CODES[column.type].fit(column) if column.type in USED else None
            if code is None:
                left[column.name] = _why_not(column)
            else:
                codes.append(code)
        return tuple(codes), {name: left[name] for name in table.names if name in left}

    @property
    def width(self) -> int:
        """How many numbers there are for a row."""
        return sum(code.width for code in self.codes) if self.learned is None else self.learned.width

    @property
    def types(self) -> dict[str, ColumnType]:
        """The type of each column that is read."""
        return {code.name: code.type for code in self.codes}

    def encode(self, table: Table) -> NDArray[np.float32]:
        """The rows of a table as ``(n, width)``; ``DataError`` for a column that is missing or of another type."""
        out = np.zeros((len(table), sum(code.width for code in self.codes)), np.float32)
        at = 0
        for code, column in zip(self.codes, self.seen(table).columns, strict=True):
            code.write(column, out[:, at : at + code.width])
            at += code.width
        return out if self.learned is None else self.learned(out)

    def redrawn(self, seed: int) -> ColumnsPreprocess:
        return self if self.learned is None else replace(self, learned=self.learned.redrawn(seed))

    def seen(self, table: Table) -> Table:
        """What is read of a table: the columns by their names and types, in the order in which they are encoded."""
        columns = [as_type(column, code.type) for code, column in zip(self.codes, self._columns(table), strict=True)]
        return Table(columns, named=self.named, rows=len(table))

    def nothing(self) -> Table:
        """A table of the columns that are read, without rows."""
        return Table(
            [_of_cell(code.name, code.type, None).take(slice(0)) for code in self.codes], named=self.named, rows=0
        )

    def _columns(self, table: Table) -> list[Column]:
        """The columns of a table that are read, by name where both have names, else by place."""
        if self.named and table.named:
            if lacking := [code.name for code in self.codes if code.name not in table]:
                hint = did_you_mean(lacking[0], table.names, f"It has {', '.join(map(repr, table.names[:20]))}.")
                more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
                raise DataError(f"the table has no column {lacking[0]!r}{more}, which the model reads. {hint}")
            return [table[code.name] for code in self.codes]
        if len(table.names) != len(self.inputs):
            raise DataError(f"the model reads {len(self.inputs)} columns, and the table has {len(table.names)}.")
        place = {name: i for i, name in enumerate(self.inputs)}
        return [replace(table.columns[place[code.name]], name=code.name) for code in self.codes]

    def said_left_out(self) -> str:
        """The columns that are not read and why, in words; empty where there is none."""
        return "; ".join(f"{name!r}: {why}" for name, why in self.left_out.items())

    def about(self) -> list[dict[str, Any]]:
        """Each column of the training part: its name, its type, how it is read; or why it is left out."""
        read = {code.name: {"type": code.type, "width": code.width} | code.about() for code in self.codes}
        return [{"name": name} | read.get(name, {"left_out": self.left_out.get(name, "")}) for name in self.inputs]

    def read(self, raw: Any) -> NDArray[np.float32]:
        """One row, given by the names of its columns."""
        row = [_of_cell(code.name, code.type, raw.get(code.name)) for code in self.codes]
        encoded: NDArray[np.float32] = self.encode(Table(row, rows=1))[0]
        return encoded

    def made_up(self) -> list[NDArray[Any]]:
        return [np.zeros(self.width, np.float32)]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "row",
            "codes": [code_to_json(code) for code in self.codes],
            "inputs": list(self.inputs),
            "left_out": dict(self.left_out),
            "named": self.named,
        } | ({} if self.learned is None else {"learned": self.learned.to_json()})

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> ColumnsPreprocess:
        codes = tuple(map(code_from_json, fields["codes"]))
        learned = RowLayers.from_json(fields["learned"]) if fields.get("learned") else None
        made = cls(codes, tuple(fields["inputs"]), dict(fields["left_out"]), bool(fields["named"]), learned)
        if learned is not None and learned.sizes[0] != sum(code.width for code in codes):
            raise ValueError(f"its layers read {learned.sizes[0]} numbers, and its columns make others")
        if not {code.name for code in codes} <= set(made.inputs) or not all(isinstance(n, str) for n in made.inputs):
            raise ValueError("it reads columns that it does not have")
        return made


def _why_not(column: Column) -> str:
    if column.note and column.type not in USED:
        return column.note
    if column.type in UNUSED:
        return UNUSED[column.type]
    if column.missing.all():
        return NO_VALUE
    return ONE_VALUE if column.constant else ALL_RARE


def _of_cell(name: str, wanted: ColumnType, cell: Any) -> Column:
    """One cell as a column."""
    if wanted == "number":
        return Column(name, wanted, np.array([np.nan if cell is None else float(cell)]))
    if wanted == "date":
        return Column(name, wanted, np.array(["NaT" if cell is None else cell], "datetime64[s]"))
    return Column(name, wanted, np.array([-1 if cell is None else 0], np.int32), () if cell is None else (str(cell),))
