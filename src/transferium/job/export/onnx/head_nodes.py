"""Heads as nodes of an ONNX graph, in double precision as they are here: features in, outputs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transferium.errors import ArtifactError
from transferium.job.export.onnx.onnx_graph import GraphParts
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Link


def add_head(graph: GraphParts, head: AnyHead, features: str, called: str) -> None:
    """``called = link(scores(features) / temperature)``; raises as :func:`check_written`."""
    check_written(head)
    scores = SCORES[head.kind](graph, head, graph.cast(features, "float64"))
    LINKS[head.link](graph, graph.add("Div", scores, graph.constant(head.temperature)), called)


def check_written(head: AnyHead) -> None:
    """Raise ``ArtifactError`` for a head that is no sequence of layers."""
    if head.kind not in SCORES:
        raise ArtifactError(
            f"this model cannot be exported: its head ({head.kind}) is not written as a graph, only "
            f"{', '.join(SCORES)} heads are. Fit with --method probe, for one."
        )


def _linear(graph: GraphParts, head: Any, features: str) -> str:
    product = graph.add("MatMul", features, graph.constant(head.weight.T))
    return graph.add("Add", product, graph.constant(head.bias))


def _cosine(graph: GraphParts, head: Any, features: str) -> str:
    """Features of length 0 stay: they are divided by 1."""
    squares = graph.add("ReduceSum", graph.add("Mul", features, features), graph.constant([1], "int64"), keepdims=1)
    length = graph.add("Sqrt", squares)
    nothing = graph.add("Equal", length, graph.constant(0.0))
    return _linear(graph, head, graph.add("Div", features, graph.add("Where", nothing, graph.constant(1.0), length)))


def _layered(graph: GraphParts, head: Any, features: str) -> str:
    for weight, bias in head.hidden:
        layer = graph.add("Add", graph.add("MatMul", features, graph.constant(weight.T)), graph.constant(bias))
        features = graph.add("Relu", layer)
    return _linear(graph, head, features)


SCORES: dict[str, Callable[[GraphParts, Any, str], str]] = {"linear": _linear, "layered": _layered, "cosine": _cosine}
"""How each kind of head scores features."""
LINKS: dict[Link, Callable[[GraphParts, str, str], str]] = {
    "softmax": lambda graph, scores, called: graph.add("Softmax", scores, called=called, axis=1),
    "sigmoid": lambda graph, scores, called: graph.add("Sigmoid", scores, called=called),
    "identity": lambda graph, scores, called: graph.add("Identity", scores, called=called),
}
