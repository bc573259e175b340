"""Export of a torch module to an ONNX graph, checked against the module."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.engines.graph import Graph, save_description
from transferium.embedding.engines.onnx_engine import OnnxEngine
from transferium.models.backbone import Backbone
from transferium.models.sources.weight_files import digest_files
from transferium.system.write_atomically import write_atomically

if TYPE_CHECKING:
    from torch import nn

TOLERANCE = 1e-3
"""The largest allowed difference from torch, as a share of the features' root mean square. Measured: 1e-5 and below."""


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
        findings.update(check_graph(module, Graph(fresh, {}), backbone.kind, probes), sha256=digest_files([fresh]))

    write_atomically(path, write)
    description = {"status": "ok", "backbone": backbone.name, **findings}
    save_description(path, description)
    return Graph(path, description)


def _write_graph(module: nn.Module, kind: str, probe: NDArray[Any], path: Path) -> None:
    import torch

    sample = torch.from_numpy(probe)[None]
    shapes: Any = None
    if kind == "text":
        prepare: Any = getattr(module, "for_export", None)
        module = module if prepare is None else prepare()
        # Two texts of at least four tokens: a traced axis of length 1 would be taken for a constant.
        sample = torch.cat([sample, sample, sample, sample], dim=1)[:, : max(4, sample.shape[1])].repeat(2, 1)
        shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    try:
        with _quiet():
            torch.onnx.export(
                module, (sample,), path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False
            )
    except OSError:
        raise
    except Exception as error:  # the exporter raises whatever the module's code runs into
        reason = str(error).strip().splitlines()
        raise ExportFailed(
            f"it cannot be exported to ONNX ({type(error).__name__}: {reason[0] if reason else ''})"
        ) from error


def check_graph(module: nn.Module, graph: Graph, kind: str, probes: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """Differences between graph and module on real inputs, and whether texts may share a batch bit for bit."""
    import torch

    try:
        engine = OnnxEngine(graph)
        ours = np.concatenate([engine.run(probe[None]) for probe in probes])
        batches_exactly = kind == "text" and all(_same_in_company(engine, probe) for probe in probes)
    except Exception as error:  # whatever onnxruntime raises, this graph is not usable
        raise ExportFailed(f"its exported graph does not run ({str(error).splitlines()[0]})") from error
    with torch.inference_mode():
        batches = [torch.from_numpy(probe)[None] for probe in probes]
        theirs = np.concatenate([module(batch).float().numpy() for batch in batches])
    if ours.shape != theirs.shape:
        raise ExportFailed(f"its exported graph gives {ours.shape}, torch {theirs.shape}")
    scale = float(np.sqrt(np.mean(np.square(theirs, dtype=np.float64))))
    difference = float(np.abs(ours - theirs).max()) / max(scale, 1e-30)
    if not difference <= TOLERANCE:
        raise ExportFailed(
            f"its exported graph differs from torch by {difference:.1e} of the features' scale on real inputs "
            f"(tolerance {TOLERANCE:.0e})"
        )
    return {
        "difference": difference,
        "tolerance": TOLERANCE,
        "inputs": len(probes),
        "batches_exactly": batches_exactly,
    }


def _same_in_company(engine: OnnxEngine, ids: NDArray[Any]) -> bool:
    """Whether a text's features are the same bits alone and among others of its length."""
    alone = engine.run(ids[None])[0]
    company = np.stack([np.roll(ids, 1), ids, ids[::-1], ids, np.roll(ids, 2)])
    together = engine.run(company)
    return bool((together[1] == alone).all() and (together[3] == alone).all())


@contextmanager
def _quiet() -> Iterator[None]:
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
