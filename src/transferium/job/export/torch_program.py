"""A saved model as one file for ``torch.export.load``: preprocessing inside, backbone, head, temperature, names."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact
from transferium.data.modality import by_kind
from transferium.embedding.engines.export import quiet_export
from transferium.embedding.engines.portable import trainable
from transferium.errors import ArtifactError, TransferiumError
from transferium.job.export.onnx.entrances import ENTRANCES
from transferium.job.export.onnx.onnx_file import TOLERANCE, check_pooled, expected_answers, metadata
from transferium.job.export.sign import TOLD
from transferium.models.catalogue import backbone_of_model
from transferium.system.extras import require_train

if TYPE_CHECKING:
    from torch import nn


def torch_program(artifact: Artifact) -> bytes:
    """The file: a ``torch.export`` program whose answers to made-up inputs are those of ``artifact`` to ``TOLERANCE``.

    Raises ``ArtifactError`` where a part of the model cannot be a part of it, ``InputError`` for a kind of example.
    """
    require_train("export --format torch")
    import torch

    from transferium.job.export.torch_heads import head_module
    from transferium.job.export.torch_inputs import MODULES, axes
    from transferium.models.model import Chain

    make = by_kind(MODULES, artifact.kind, "PyTorch module of how examples are read")
    check_pooled(artifact)
    entrance = ENTRANCES[artifact.kind]
    head = head_module(artifact.head)
    module = Chain(make(artifact.backbone, lambda: network_of(artifact)), head).eval().requires_grad_(False)
    feeds, expected = expected_answers(artifact, entrance)
    given = tuple(map(torch.from_numpy, feeds.values()))
    with quiet_export(), torch.inference_mode(False), torch.no_grad():
        try:
            program = torch.export.export(module, given, dynamic_shapes=(axes(artifact.backbone, feeds),))
        except Exception as error:  # the exporter raises whatever the module's code runs into
            raise ArtifactError(
                f"this model cannot be exported: torch.export cannot follow its network {artifact.backbone.name} "
                f"({type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]})."
            ) from error
        for rows in (slice(None), slice(1)):
            check_alike(program.module()(*(one[rows] for one in given)).numpy(), expected[rows])
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # where the module's code lies on this machine
        told = metadata(artifact, entrance) | {"torch": torch.__version__, "inputs": json.dumps(list(feeds))}
        torch.export.save(program, file := io.BytesIO(), extra_files={TOLD: json.dumps(told)})
    return file.getvalue()


def network_of(artifact: Artifact) -> nn.Module:
    """The backbone of a model as a module with its weights; raises ``ArtifactError`` where only its graph is there."""
    backbone = artifact.backbone
    try:
        found = trainable(backbone)
        if found is None and backbone.weights is None and isinstance(backbone.graph, Path):
            found = backbone_of_model(backbone.name, backbone.kind, fingerprint=backbone.said_to_be)
            found = found if found.fingerprint == backbone.said_to_be else None
        return (found or backbone).build().eval()
    except TransferiumError as error:
        raise ArtifactError(
            f"this model cannot be exported so: its backbone is no PyTorch module here, and --format onnx needs none. "
            f"{error}"
        ) from error


def check_alike(found: NDArray[Any], expected: NDArray[np.float64]) -> None:
    """Raise ``ArtifactError`` where answers are not those of the model."""
    scale = max(1.0, float(np.abs(expected).max()))
    wrong = float(np.abs(found - expected).max()) / scale if found.shape == expected.shape else np.inf
    if not wrong <= TOLERANCE:
        raise ArtifactError(
            f"the exported model does not answer as the model does (by {wrong:.1e}): it was not written."
        )
