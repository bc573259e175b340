"""Export of a torch module to an ONNX graph, checked against the module."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Kind
from transferium.embedding.engines.check_answers import WrongGraph, check_answers
from transferium.embedding.engines.graph import Graph, save_description
from transferium.embedding.engines.onnx_engine import OnnxEngine
from transferium.models.backbone import Backbone
from transferium.models.modality import is_ragged
from transferium.models.sources.weight_files import digest_files
from transferium.system.write_atomically import write_atomically

if TYPE_CHECKING:
    from torch import nn


class ExportFailed(Exception):  # noqa: N818  (it is never shown: torch takes over, and a warning says why)
    """The module cannot be exported, or its graph computes something else."""


def export_graph(backbone: Backbone, path: Path, probes: Sequence[NDArray[Any]]) -> Graph:
    """Export, run both on ``probes`` (inputs without the batch axis), and keep the graph only if they agree.

    Pictures are exported for one at a time and the side that they have; texts for any number and length. Raises
    ``ExportFailed``, or ``OSError`` where ``path`` cannot be written.
    """
    module = backbone.build().eval().requires_grad_(False)
    findings: dict[str, Any] = {}

    def write(fresh: Path) -> None:
        _write_graph(module, backbone.kind, probes[0], fresh)
        try:
            _, found = check_answers(
                partial(OnnxEngine, Graph(fresh, {})), backbone.kind, probes, _answers(module, probes), "real inputs"
            )
        except WrongGraph as error:
            raise ExportFailed(f"its exported graph {error}") from error
        findings.update(found, sha256=digest_files([fresh]))

    write_atomically(path, write)
    description = {"status": "ok", "backbone": backbone.name, **findings}
    save_description(path, description)
    return Graph(path, description)


def _write_graph(module: nn.Module, kind: Kind, probe: NDArray[Any], path: Path) -> None:
    import torch

    sample = torch.from_numpy(probe)[None]
    shapes: Any = None
    if is_ragged(kind):
        prepare: Any = getattr(module, "for_export", None)
        module = module if prepare is None else prepare()
        # Two texts of at least four tokens: a traced axis of length 1 would be taken for a constant.
        sample = torch.cat([sample, sample, sample, sample], dim=1)[:, : max(4, sample.shape[1])].repeat(2, 1)
        shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    try:
        with quiet_export():
            program: Any = torch.onnx.export(module, (sample,), dynamo=True, dynamic_shapes=shapes, verbose=False)
            for node in program.model.graph.all_nodes():
                node.metadata_props.clear()  # where the module's code lies on this machine
            program.save(path, external_data=False)
    except OSError:
        raise
    except Exception as error:  # the exporter raises whatever the module's code runs into
        reason = str(error).strip().splitlines()
        raise ExportFailed(
            f"it cannot be exported to ONNX ({type(error).__name__}: {reason[0] if reason else ''})"
        ) from error


def _answers(module: nn.Module, probes: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """What torch gives for each input alone."""
    import torch

    with torch.inference_mode():
        answers = [module(torch.from_numpy(probe)[None]).float().flatten(0, -2).numpy() for probe in probes]
    together: NDArray[np.float32] = np.concatenate(answers)
    return together


@contextmanager
def quiet_export() -> Iterator[None]:
    """Silence the exporter's chatter: what counts is the check that follows."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
