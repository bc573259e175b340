"""The check of a graph: does it give the features that torch gave for the same inputs?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Kind
from transferium.embedding.engines.onnx_engine import OnnxEngine
from transferium.models.modality import is_ragged

TOLERANCE = 1e-3
"""The largest allowed difference from torch, as a share of the features' root mean square. Measured: 1e-5 and below."""


class WrongGraph(Exception):  # noqa: N818  (it is never shown: the caller says of which graph this is)
    """The graph does not run, or computes something else."""


def check_answers(
    open_graph: Callable[[], OnnxEngine],
    kind: Kind,
    probes: Sequence[NDArray[Any]],
    theirs: NDArray[Any] | None,
    inputs: str,
) -> tuple[OnnxEngine, dict[str, Any]]:
    """The open engine; how far it is from torch's features ``theirs (n, width)``, and if it batches texts exactly.

    ``inputs`` are what the ``n`` probes, each without the batch axis, are called in a message. Without ``theirs``, the
    graph only has to run. Raises ``WrongGraph``.
    """
    try:
        engine = open_graph()
        found = [engine.run(probe[None]) for probe in probes]
        ours = np.concatenate([one.reshape(-1, one.shape[-1]) for one in found])  # of each token, where it gives that
        batches_exactly = is_ragged(kind) and all(_same_in_company(engine, probe) for probe in probes)
    except Exception as error:  # whatever onnxruntime raises, this graph is not usable
        raise WrongGraph(f"does not run ({str(error).splitlines()[0]})") from error
    difference = 0.0 if theirs is None else _difference(ours, theirs)
    if not difference <= TOLERANCE:
        raise WrongGraph(
            f"differs from torch by {difference:.1e} of the features' scale on {inputs} (tolerance {TOLERANCE:.0e})"
        )
    engine.batch_exactly(batches_exactly)
    told = {"tolerance": TOLERANCE, "inputs": len(probes), "batches_exactly": batches_exactly}
    return engine, told | ({} if theirs is None else {"difference": difference})


def _difference(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    if ours.shape != theirs.shape:
        raise WrongGraph(f"gives {ours.shape}, torch {theirs.shape}")
    scale = float(np.sqrt(np.mean(np.square(theirs, dtype=np.float64))))
    return float(np.abs(ours - theirs).max()) / max(scale, 1e-30)


def _same_in_company(engine: OnnxEngine, ids: NDArray[Any]) -> bool:
    """Whether a text's features are the same bits alone and among others of its length."""
    alone = engine.run(ids[None])[0]
    company = np.stack([np.roll(ids, 1), ids, ids[::-1], ids, np.roll(ids, 2)])
    together = engine.run(company)
    return bool((together[1] == alone).all() and (together[3] == alone).all())
