"""Rows of numbers as inputs of an exported graph: of a table, encoded inside, or features as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import Column
from transferium.data.columns.table import Table
from transferium.errors import ArtifactError
from transferium.job.export.onnx.inner_graph import Arrays, Features, Network
from transferium.job.export.onnx.onnx_graph import GraphParts, described
from transferium.models.backbone import Backbone
from transferium.models.columns.codes import LIMIT, NumberCode
from transferium.models.columns.encoding import ColumnsPreprocess

HUGE = 1e100
"""What a scaled number of a table is cut to before it is squared; far beyond, it is pressed to the same limit."""


def numbers(graph: GraphParts, backbone: Backbone, _network: Network | None) -> tuple[list[bytes], str]:
    """The encoding of a table of numbers (``NumberCode``): scaled, pressed, missing cells flagged."""
    codes = number_codes(backbone)
    moved = graph.add("Sub", "rows", graph.constant([code.center for code in codes]))
    scaled = graph.add("Div", moved, graph.constant([code.scale for code in codes]))
    missing = graph.add("IsNaN", scaled)
    known = graph.add("Where", missing, graph.constant(0.0), scaled)
    cut = graph.add("Max", graph.add("Min", known, graph.constant(HUGE)), graph.constant(-HUGE))
    tenth = graph.add("Div", cut, graph.constant(LIMIT))
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", tenth, tenth), graph.constant(1.0)))
    both = graph.add("Concat", graph.add("Div", cut, root), graph.cast(missing, "float64"), axis=1)
    order = [at for i, code in enumerate(codes) for at in ([i, len(codes) + i] if code.flag else [i])]
    encoded = graph.add("Gather", both, graph.constant(order, "int64"), axis=1)
    return [described("rows", "float64", ["n", len(codes)])], graph.cast(encoded, "float32")


def told_of_numbers(backbone: Backbone) -> dict[str, Any]:
    names = [code.name for code in number_codes(backbone)]
    return {
        "kind": "row",
        "columns": names,
        "input": "rows: float64 (n, columns), the columns in this order; a missing cell is NaN",
        "steps": [],
    }


def some_numbers(backbone: Backbone, _features: Features) -> tuple[Arrays, NDArray[Any]]:
    codes = number_codes(backbone)
    assert isinstance(backbone.preprocess, ColumnsPreprocess)
    rows = np.random.default_rng(0).normal(size=(5, len(codes))) * 3
    rows = rows * [code.scale for code in codes] + [code.center for code in codes]
    rows[1], rows[2], rows[3, 0] = np.nan, 1e300, -np.inf
    cells = [Column(code.name, "number", rows[:, i]) for i, code in enumerate(codes)]
    table = Table(cells, named=True, rows=len(rows))
    named = backbone.preprocess.encode(table)
    return {"rows": rows}, named


def number_codes(backbone: Backbone) -> list[NumberCode]:
    """The codes of a table of numbers; raises ``ArtifactError`` for any other."""
    encoding = backbone.preprocess
    if not isinstance(encoding, ColumnsPreprocess):
        raise ArtifactError("this model cannot be exported: its encoding of columns was not fitted.")
    found: list[NumberCode] = [code for code in encoding.codes if isinstance(code, NumberCode)]
    if other := [code for code in encoding.codes if not isinstance(code, NumberCode)]:
        raise ArtifactError(
            f"this model cannot be exported: how its column {other[0].name!r} ({other[0].type}) becomes numbers is no "
            "part of an exported graph. Tables of numbers alone can be exported; --drop leaves a column out of a fit."
        )
    if encoding.learned is not None:
        raise ArtifactError("this model cannot be exported: the pretrained layers behind its columns run here alone.")
    return found


def rows_of_features(_graph: GraphParts, backbone: Backbone, _network: Network | None) -> tuple[list[bytes], str]:
    return [described("features", "float32", ["n", backbone.width])], "features"


def told_of_features(backbone: Backbone) -> dict[str, Any]:
    shape = f"features: float32 (n, {backbone.width}), as they were when the model was fitted"
    return {"kind": "features", "input": shape, "steps": []}


def some_features(backbone: Backbone, _features: Features) -> tuple[Arrays, NDArray[Any]]:
    rows = np.random.default_rng(0).normal(size=(3, backbone.width)).astype(np.float32)
    return {"features": rows}, rows
