"""ONNX graphs as bytes: read, extended and written without the package ``onnx``.

Numbers of fields are those of ``onnx.proto``: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from transferium.job.export.onnx import wire
from transferium.version import __version__

Attribute = int | list[int] | bytes
PRODUCER = "transferium"
TYPES = {"float32": 1, "uint8": 2, "int64": 7, "bool": 9, "float64": 11}
"""Types of numbers, as ONNX counts them."""
_OP = 4
"""What a node computes, among its fields."""


@dataclass
class GraphParts:
    """A graph that grows: ``add`` computes something, ``constant`` holds numbers; both give the name of the result.

    ``prefix`` begins every name, so that none is that of another part of the file.
    """

    prefix: str
    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)

    def add(self, op: str, *inputs: str, called: str | None = None, **attributes: Attribute) -> str:
        """One node with one result; an attribute is an integer, several, or a graph (:meth:`body`)."""
        result = called or f"{self.prefix}/{len(self.nodes)}_{op.lower()}"
        named = b"".join(wire.field(1, name) for name in inputs) + wire.field(2, result) + wire.field(_OP, op)
        self.nodes.append(named + b"".join(_attribute(name, value) for name, value in attributes.items()))
        return result

    def constant(self, array: Any, like: str = "float64") -> str:
        """Numbers of the type ``like``."""
        name = f"{self.prefix}/c{len(self.constants)}"
        self.constants.append(_tensor(name, np.asarray(array, like)))
        return name

    def cast(self, values: str, like: str) -> str:
        """The same numbers as the type ``like``."""
        return self.add("Cast", values, to=TYPES[like])

    def body(self, inputs: Sequence[bytes], output: bytes) -> bytes:
        """The whole graph, with its ``inputs`` and its ``output`` (:func:`described`)."""
        parts = [wire.field(1, node) for node in self.nodes] + [wire.field(2, self.prefix)]
        parts += [wire.field(5, constant) for constant in self.constants]
        return b"".join([*parts, *(wire.field(11, one) for one in inputs), wire.field(12, output)])


@dataclass(frozen=True)
class ReadGraph:
    """A graph from a file: one input, one output, and its nodes and weights as they were."""

    nodes: list[bytes]
    constants: list[bytes]
    input: str
    output: str
    opset: int
    version: int

    @property
    def of_any_number(self) -> ReadGraph:
        """The same where a reshape at its end said that there is one example; others as they are."""
        names, op = _read_node(self.nodes[-1])
        if op != "Reshape" or names[-1] != self.output:
            return self
        end = GraphParts("end")
        end.add("Flatten", names[0], called=self.output)
        nodes = [*self.nodes[:-1], *end.nodes]
        used = {name for node in nodes for name in _read_node(node)[0]}
        constants = [one for one in self.constants if str(_by_number(one)[8][0], "utf-8") in used]
        return replace(self, nodes=nodes, constants=constants)


def read_graph(content: bytes, prefix: str) -> ReadGraph:
    """The graph of an ONNX file, whose names now begin with ``prefix``; ``ValueError`` for one that is not plain."""
    model = _by_number(content)
    graph = _by_number(model[7][0])
    opsets = [_by_number(one) for one in model[8]]
    main = [opset[2][0] for opset in opsets if not any(opset.get(1, []))]
    if len(graph[11]) != 1 or len(graph[12]) != 1 or len(main) != 1 or model.get(25):
        raise ValueError("it has several inputs or outputs, or functions of its own")
    given, result = (prefix + str(_by_number(graph[number][0])[1][0], "utf-8") for number in (11, 12))
    nodes = [_renamed(node, prefix, (1, 2)) for node in graph[1]]
    constants = [_renamed(constant, prefix, (8,)) for constant in graph.get(5, [])]
    return ReadGraph(nodes, constants, given, result, main[0], model[1][0])


def written(graph: bytes, opset: int, version: int, metadata: Mapping[str, str]) -> bytes:
    """A whole ONNX file, whose first bytes say who made it."""
    told = [wire.field(1, name) + wire.field(2, text) for name, text in metadata.items()]
    parts = [wire.field(1, version), wire.field(2, PRODUCER), wire.field(3, __version__), wire.field(7, graph)]
    return b"".join([*parts, wire.field(8, wire.field(2, opset)), *(wire.field(14, one) for one in told)])


def is_ours(file: BinaryIO) -> bool:
    """Whether an open file was written by :func:`written`."""
    beginning = file.read(256)
    return beginning[2:].startswith(wire.field(2, PRODUCER)) and beginning[:1] == wire.field(1, 1)[:1]


def described(name: str, like: str, shape: Sequence[int | str]) -> bytes:
    """An input or output: its name, type and shape, whose axes of any length have names."""
    axes = [wire.field(1, axis) if isinstance(axis, int) else wire.field(2, axis) for axis in shape]
    tensor = wire.field(1, TYPES[like]) + wire.field(2, b"".join(wire.field(1, axis) for axis in axes))
    return wire.field(1, name) + wire.field(2, wire.field(1, tensor))


def _by_number(message: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in wire.fields(message):
        found.setdefault(number, []).append(value)
    return found


def _renamed(message: bytes, prefix: str, names: tuple[int, ...]) -> bytes:
    """A node or tensor with ``prefix`` before each of its names in the fields ``names``; empty ones stay empty."""
    made = []
    for number, value in wire.fields(message):
        content, named = value, number in names and value
        if isinstance(value, bytes):
            if number == 5 and 1 in names and 6 in _by_number(value):
                raise ValueError("it has graphs inside of its graph")
            content = prefix.encode() + value if named else value
        made.append(wire.field(number, content))
    return b"".join(made)


def _read_node(node: bytes) -> tuple[list[str], str]:
    """Inputs and outputs of a node, and what it computes."""
    found = _by_number(node)
    return [str(name, "utf-8") for name in (*found.get(1, []), *found[2])], str(found[_OP][0], "utf-8")


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    axes = b"".join(wire.field(1, axis) for axis in array.shape)
    numbers = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return axes + wire.field(2, TYPES[array.dtype.name]) + wire.field(8, name) + wire.field(9, numbers)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, list):
        content, kind = b"".join(wire.field(8, each) for each in value), 7
    else:
        number, kind = (3, 2) if isinstance(value, int) else (6, 5)
        content = wire.field(number, value)
    return wire.field(5, wire.field(1, name) + content + wire.field(20, kind))
