"""A graph of this package with the weights of an installed one bound to it, and checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from transferium.embedding.engines.check_answers import WrongGraph, check_answers
from transferium.embedding.engines.graph import Graph
from transferium.embedding.engines.onnx_engine import OnnxEngine
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.sources.weight_files import digest_files


def open_bound(backbone: Backbone, unbound: UnboundGraph) -> OnnxEngine:
    """The engine of a bundled backbone: nothing is exported and nothing kept, as binding takes less than loading would.

    Raises ``BackboneError`` where it does not give the features that are stored beside the graph.
    """
    return _open(backbone, unbound)[0]


def write_bound(backbone: Backbone, unbound: UnboundGraph, path: Path) -> dict[str, Any]:
    """Write the graph with its weights inside to ``path``; its description."""
    _, findings = _open(backbone, unbound, path)
    return {"status": "ok", "backbone": backbone.name, **findings, "sha256": digest_files([path])}


def _open(backbone: Backbone, unbound: UnboundGraph, whole: Path | None = None) -> tuple[OnnxEngine, dict[str, Any]]:
    open_graph = partial(OnnxEngine, Graph(unbound.file, {}, unbound.initialisers()), whole)
    try:
        stored = _stored(unbound.file.with_suffix(".safetensors"))
        probes = [stored[name] for name in sorted(stored) if name.startswith("input")]
        return check_answers(open_graph, backbone.kind, probes, stored.get(unbound.answers), "stored inputs")
    except WrongGraph as error:
        raise BackboneError(
            f"{backbone.name}: its graph {error}. Install transferium and onnxruntime again: python -m pip install "
            "--force-reinstall transferium onnxruntime"
        ) from error


def _stored(file: Path) -> Tensors:
    """Inputs, and what torch gave for them."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise WrongGraph(f"cannot be checked: {file} is missing or damaged ({error})") from error
