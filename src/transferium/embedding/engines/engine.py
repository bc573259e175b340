"""The interface of every engine, which runs a backbone, and the choice of an engine for a backbone."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.engines.graph import (
    DamagedGraph,
    Graph,
    attached_graph,
    find_graph,
    graph_path,
    known_to_fail,
    save_description,
)
from transferium.errors import BackboneError, TransferiumWarning
from transferium.models.backbone import Backbone
from transferium.system.hardware import cuda_may_be_present

Choice = Literal["auto", "onnx", "torch"]


class Engine(Protocol):
    """Runs batches of preprocessed inputs; may be called from several threads at once.

    ``images`` is how many pictures it wants at a time, ``tokens`` how many tokens (texts of one length, together).
    """

    name: str
    images: int
    tokens: int

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Features ``(n, width)`` of ``float32 (n, 3, h, w)`` pictures or ``int64 (n, t)`` token ids."""
        ...


def plan_engine(backbone: Backbone, choice: Choice) -> str:
    """The engine that a backbone will get if all goes well, found without importing torch on a machine without GPU."""
    if choice not in ("auto", "onnx", "torch"):
        raise BackboneError(f"there is no engine {choice!r}. Choose from 'auto', 'onnx', 'torch'.")
    if isinstance(backbone.graph, Path):
        return "onnx"
    if choice == "torch" or (choice == "auto" and _has_cuda()):
        return "torch-cuda" if _has_cuda() else "torch"
    return "torch" if backbone.graph is None and known_to_fail(graph_path(backbone)) else "onnx"


def _has_cuda() -> bool:
    if not cuda_may_be_present() or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


Probes = Callable[[], Sequence[NDArray[Any]]]


def open_engine(backbone: Backbone, planned: str, probes: Probes) -> Engine:
    """Open the planned engine; ``probes()`` gives the first real inputs: on them a new graph is checked against torch.

    Where the export or the check fails, the backbone runs on torch and a ``TransferiumWarning`` says why.
    """
    from transferium.embedding.engines.bound import open_bound
    from transferium.embedding.engines.onnx_engine import OnnxEngine

    if planned != "onnx":
        return _torch_engine(backbone)
    if isinstance(backbone.graph, Path):
        return OnnxEngine(attached_graph(backbone.graph, backbone.sha256.get("graph")))
    if backbone.graph is not None:
        return open_bound(backbone, backbone.graph)
    path = graph_path(backbone)
    try:
        graph = find_graph(path)
        if graph is not None:
            return OnnxEngine(graph)
    except DamagedGraph:
        warnings.warn(f"the exported graph {path} is damaged and is exported again.", TransferiumWarning, stacklevel=2)
    return _export(backbone, path, probes)


def checked_graph(backbone: Backbone) -> Graph:
    """The graph of a backbone: the one it brings, the exported one, or a new one checked on made-up inputs."""
    from transferium.embedding.engines.check_inputs import noise
    from transferium.embedding.engines.export import ExportFailed, export_graph

    if isinstance(backbone.graph, Path):
        return attached_graph(backbone.graph, backbone.sha256.get("graph"))
    path = graph_path(backbone)
    with suppress(DamagedGraph):
        if graph := find_graph(path):
            return graph
    try:
        return export_graph(backbone, path, noise(backbone))
    except ExportFailed as error:
        raise BackboneError(
            f"{backbone.name} cannot be saved as a graph: {error}. Where it was tuned at a high learning rate, its "
            "numbers may have left the range in which it works: train again with a lower one, as lr=auto finds."
        ) from error


def _export(backbone: Backbone, path: Path, probes: Probes) -> Engine:
    from transferium.embedding.engines.export import ExportFailed, export_graph
    from transferium.embedding.engines.onnx_engine import OnnxEngine

    inputs = probes()
    try:
        try:
            return OnnxEngine(export_graph(backbone, path, inputs))
        except OSError as error:
            message = f"{path.parent} cannot be written ({error.strerror or error}): the exported graph is not kept."
            warnings.warn(message, TransferiumWarning, stacklevel=3)
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                return OnnxEngine(export_graph(backbone, Path(folder) / path.name, inputs))
    except ExportFailed as error:
        save_description(path, {"status": "failed", "backbone": backbone.name, "reason": str(error)})
        message = f"{backbone.name} runs on torch, several times slower: {error}"
        warnings.warn(message, TransferiumWarning, stacklevel=3)
        return _torch_engine(backbone)


def _torch_engine(backbone: Backbone) -> Engine:
    from transferium.embedding.engines.torch_engine import TorchEngine

    return TorchEngine(backbone)
