"""The graph of a backbone inside another graph: on all examples together, or on one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.job.export.onnx.onnx_graph import GraphParts, ReadGraph, described

Arrays = dict[str, NDArray[Any]]
Features = Callable[[NDArray[Any]], NDArray[np.float32]]
"""The features of one input of the backbone, with its batch axis."""


@dataclass
class Network:
    """The graph of a backbone, put into another graph: ``one_by_one`` through a loop, or on all examples together."""

    read: ReadGraph
    one_by_one: bool

    def together(self, graph: GraphParts, inputs: str) -> str:
        """Features of what the backbone reads ``(n, …)``."""
        graph.add("Identity", inputs, called=self.read.input)
        graph.nodes += self.read.nodes
        return self.read.output

    def each(
        self,
        graph: GraphParts,
        inputs: Sequence[str],
        shapes: Sequence[tuple[str, Sequence[int | str]]],
        make: Callable[..., str],
    ) -> str:
        """Features of ``make(body, *inputs)``, for one example after another: none can change another's.

        ``shapes`` are the types and shapes of the inputs of one example.
        """
        body = GraphParts("each")
        names = [f"each/input{i}" for i in range(len(inputs))]
        alone = body.add("Unsqueeze", make(body, *names), body.constant([0], "int64"))
        row = body.add("Reshape", self.together(body, alone), body.constant([-1], "int64"))
        told = [described(name, *shape) for name, shape in zip(names, shapes, strict=True)]
        inside = body.body(told, described(row, "float32", ["width"]))
        return graph.add("Scan", *inputs, body=inside, num_scan_inputs=len(inputs))
