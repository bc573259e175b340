"""Make the graphs of the package anew: exported by torch, without weights, and with what they must answer.

    python tools/bundled_graphs.py

writes NAME.onnx and NAME.safetensors into ``src/transferium/models/graphs``, the same bytes each time. It needs the
full installation.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save

from transferium.embedding.engines.check_inputs import noise
from transferium.embedding.engines.export import export_graph
from transferium.functional.sequences.ngrams import Vocabulary
from transferium.models.backbone import Backbone
from transferium.models.catalogue import randomised
from transferium.models.detection.seeing_places import seeing_places
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.listening import listening
from transferium.models.ngrams.backbone_of_ngrams import WIDTHS, counting
from transferium.models.per_word import per_word
from transferium.models.sources.bundled import BUNDLED, bundled
from transferium.models.sources.untrained import char_ngrams

SIDES = (40, 33)
"""The sides of the pictures whose features are stored: an even and an odd one, which are padded differently."""
OF_SCENES = (64, 32)
"""Those of scenes, which are multiples of 32."""


def main(folder: Path) -> None:
    images = [bundled(name) for name, entry in BUNDLED.items() if entry.kind == "image"]
    given = [*map(bundled, BUNDLED), char_ngrams(), *map(counted, WIDTHS), *map(listening, images)]
    given += map(seeing_places, images)
    for backbone in (*given, per_word(bundled("all_minilm_l6_v2"))):
        assert isinstance(backbone.graph, UnboundGraph)
        file = folder / backbone.graph.file.name
        file.write_bytes(graph_without_weights(backbone, backbone.graph.initialisers()).SerializeToString())
        file.with_suffix(".safetensors").write_bytes(save(answers(backbone)))


def counted(width: int) -> Backbone:
    """A backbone of that many n-grams: of its weights, only the number is in the graph."""
    grams = tuple(chr(0x4E00 + i) for i in range(width))
    return counting(char_ngrams(), Vocabulary(grams), np.linspace(1, 9, width, dtype=np.float32))


def graph_without_weights(backbone: Backbone, initialisers: Tensors) -> onnx.ModelProto:
    """The exported graph with ``initialisers`` outside of it, for pictures of any side and sounds of any length."""
    with tempfile.TemporaryDirectory() as folder:
        export_graph(backbone, Path(folder) / "exported.onnx", noise(backbone))
        model = onnx.load(Path(folder) / "exported.onnx")
    plain(model)
    names = {value: f"v{i}" for i, value in enumerate(o for node in model.graph.node for o in node.output)}
    names[model.graph.output[0].name] = "features"
    found = {tensor.name: outside(tensor, initialisers) for tensor in model.graph.initializer}
    assert {*found.values()} == {*initialisers, None}, "a weight is not in the graph"
    names |= {tensor: name or f"c{number}" for number, (tensor, name) in enumerate(found.items())}
    rename(model.graph, names)
    if backbone.kind != "text":
        any_side(model.graph, free=3 if backbone.kind == "sound" else 2)
    if backbone.kind == "scene":
        any_places(model.graph)
    return model


def plain(model: onnx.ModelProto) -> None:
    """Drop all that says where the graph came from."""
    graph = model.graph
    model.producer_name, model.producer_version, graph.name = "", "", "graph"
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    for node in graph.node:
        node.name = ""


def outside(tensor: onnx.TensorProto, initialisers: Tensors) -> str | None:
    """Leave the numbers of a weight out; which of the ``initialisers`` it is, or None for a small constant."""
    value = numpy_helper.to_array(tensor)
    if value.dtype != np.float32 or not value.ndim:
        return None
    found = [name for name, given in initialisers.items() if same(value, given)]
    if not found:
        return None
    (name,) = found
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value="weights")
    return name


def same(value: NDArray[np.float32], given: NDArray[np.float32]) -> bool:
    return value.shape == given.shape and np.allclose(value, given, rtol=1e-5, atol=1e-7)


def rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for tensor in (*graph.initializer, *graph.output):
        tensor.name = names[tensor.name]
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(end, end) for end in ends]


def any_side(graph: onnx.GraphProto, *, free: int) -> None:
    """Pad as TensorFlow does at every side, in the place of the numbers of one side; axes from ``free`` on have any."""
    for node in graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Conv" and any(given["pads"].ints):
            node.attribute.remove(given["pads"])
            given["auto_pad"].s = b"SAME_UPPER"
    for dimension in graph.input[0].type.tensor_type.shape.dim[free:]:
        dimension.dim_param = "side"


def any_places(graph: onnx.GraphProto) -> None:
    """Let the last reshape take as many places as there are."""
    (node,) = (node for node in graph.node if node.op_type == "Reshape")
    for tensor in graph.initializer:
        if tensor.name == node.input[1]:
            shape = numpy_helper.to_array(tensor).copy()
            shape[-1] = -1
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    for axis in (1, 2):
        graph.output[0].type.tensor_type.shape.dim[axis].Clear()


def answers(backbone: Backbone) -> Tensors:
    """Inputs, and the features that torch gives for them: with pretrained and random weights, where there are such."""
    draw = np.random.default_rng(0)
    probes = noise(backbone)
    if backbone.kind == "text":
        probes.append(np.tile(probes[-1], 6))  # a longer one
    elif backbone.preprocess is not None and not backbone.preprocess.ragged:
        sides = OF_SCENES if backbone.kind == "scene" else SIDES
        bands = getattr(backbone.preprocess, "bands", None)
        probes = [draw.standard_normal((3, bands or side, side), np.float32) for side in sides]
    stored = {f"input {i}": probe for i, probe in enumerate(probes)}
    if isinstance(backbone.graph, UnboundGraph) and not backbone.graph.answers:
        return stored
    answering = {"pretrained": backbone} | ({"random 0": randomised(backbone)} if backbone.pretrained else {})
    for key, each in answering.items():
        module = each.build().eval()
        with torch.inference_mode():
            features = [module(torch.from_numpy(probe)[None]).flatten(0, -2).numpy() for probe in probes]
        stored[key] = np.ascontiguousarray(np.concatenate(features))
    return stored


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "src/transferium/models/graphs")
