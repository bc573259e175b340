"""A saved model as one ONNX file: preprocessing, backbone, head and temperature in it, and what its outputs mean."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.modality import by_kind
from transferium.embedding.engines.engine import open_engine
from transferium.embedding.engines.portable import save_graph
from transferium.errors import ArtifactError, refusing
from transferium.job.export.onnx.entrances import ENTRANCES, Entrance
from transferium.job.export.onnx.head_nodes import add_head
from transferium.job.export.onnx.inner_graph import Arrays, Network
from transferium.job.export.onnx.onnx_graph import GraphParts, ReadGraph, described, read_graph, written
from transferium.models.catalogue import OWN

OUTPUTS = {"softmax": "probabilities", "sigmoid": "probabilities", "identity": "amounts"}
"""What the output is called, by the link of the head."""
TOLERANCE = 1e-5
"""The largest difference from the answers here; of amounts, as a share of the largest."""
OPSET, VERSION = 20, 10
"""Of a file without a backbone's graph; others keep what that was written in."""


def onnx_file(artifact: Artifact) -> bytes:
    """The file, whose answers to made-up inputs are those of ``artifact`` to ``TOLERANCE``.

    Pictures run together where that gives the same answers, else one after another inside the graph. Raises
    ``ArtifactError`` where a part of the model cannot be a part of such a file, ``InputError`` for a kind of example.
    """
    entrance = by_kind(ENTRANCES, artifact.kind, "ONNX graph of how examples are read")
    check_pooled(artifact)
    read = _graph_of(artifact)
    feeds, expected = expected_answers(artifact, entrance)
    for one_by_one in (False, True):
        made = _made(artifact, entrance, read, one_by_one)
        if (wrong := _difference(made, feeds, expected)) <= TOLERANCE:
            return made
    raise ArtifactError(f"the exported graph does not answer as the model does (by {wrong:.1e}): it was not written.")


def check_pooled(artifact: Artifact) -> None:
    """Raise ``ArtifactError`` for a model whose answers are more than a head on one row of features an example."""
    if artifact.problem.reads or artifact.backbone.output != "pooled":
        raise ArtifactError(
            f"this model cannot be exported: its answers are made of parts of an example ({artifact.problem.said()}), "
            "which is done outside of a graph."
        )


def _graph_of(artifact: Artifact) -> ReadGraph | None:
    """The backbone's graph with its weights, where there is one."""
    if artifact.kind in OWN:
        return None
    with tempfile.TemporaryDirectory() as folder:
        save_graph(artifact.backbone, path := Path(folder) / "backbone.onnx")
        content = path.read_bytes()
    with refusing(ArtifactError, f"the graph of {artifact.backbone.name} cannot be exported", "."):
        return read_graph(content, "backbone/")


def _made(artifact: Artifact, entrance: Entrance, read: ReadGraph | None, one_by_one: bool) -> bytes:
    if read is not None and not one_by_one:
        read = read.of_any_number
    network = None if read is None else Network(read, one_by_one)
    graph = GraphParts("transferium")
    inputs, features = entrance.add(graph, artifact.backbone, network)
    answer = OUTPUTS[artifact.head.link]
    add_head(graph, artifact.head, features, answer)
    if read is not None:
        graph.constants += read.constants
    body = graph.body(inputs, described(answer, "float64", ["n", artifact.head.classes]))
    opset, version = (OPSET, VERSION) if read is None else (read.opset, read.version)
    return written(body, opset, version, metadata(artifact, entrance))


def metadata(artifact: Artifact, entrance: Entrance) -> dict[str, str]:
    """What a program that runs the file must know, as texts; ``classes`` and ``preprocessing`` are JSON."""
    preprocess = artifact.backbone.preprocess
    told = {
        "classes": list(artifact.classes),
        "preprocessing": entrance.told(artifact.backbone),
        "problem": artifact.problem.to_json(),
        "backbone": artifact.backbone.name,
        "licence": artifact.backbone.licence,
        "fingerprint": artifact.fingerprint,
    }
    files = {} if preprocess is None else {name: getattr(preprocess, name) for name in preprocess.files}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}
    return texts | {name: file.read_text(encoding="utf-8") for name, file in files.items()}


def expected_answers(artifact: Artifact, entrance: Entrance) -> tuple[Arrays, NDArray[np.float64]]:
    """Inputs made up, and what the model answers."""
    backbone = artifact.backbone
    feeds, rows = entrance.probe(
        backbone, np.asarray if artifact.kind in OWN else open_engine(backbone, "onnx", list).run
    )
    return feeds, artifact.head.outputs(rows)


def _difference(content: bytes, feeds: Arrays, expected: NDArray[np.float64]) -> float:
    """How far the file's answers are off; infinity where it does not run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        found = session.run(None, feeds)[0]
    except Exception:  # onnxruntime's own classes differ between versions, and all mean this
        return np.inf
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale if found.shape == expected.shape else np.inf
