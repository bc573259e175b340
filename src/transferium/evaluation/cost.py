"""What a model costs to keep and to ask: numbers in it, bytes of its file, and the time that one answer takes."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.embedding.engines.check_inputs import first_inputs
from transferium.embedding.engines.engine import checked_graph, open_engine, plan_engine
from transferium.errors import BackboneError
from transferium.methods.fitted import Fitted
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN

TIMES = 20
"""How often one example is asked; the middle time counts."""


@dataclass(frozen=True)
class Cost:
    """``parameters`` that can be trained, ``bytes`` of the graph that runs, ``milliseconds`` of one example alone.

    The time is that of the network on this machine, without reading the example. None where it is not known.
    """

    parameters: int | None
    bytes: int | None
    milliseconds: float | None

    def as_dict(self) -> dict[str, Any]:
        """The same by name, for JSON."""
        return asdict(self)


def cost_of(fitted: Fitted, domain: Domain, embedder: Embedder) -> Cost:
    """The cost of a model that answers examples of ``domain``; one without a network costs its head alone."""
    backbone, head = fitted.backbone, sum(array.size for array in fitted.head.to_tensors().values())
    if backbone.kind in OWN:
        return Cost(head + backbone.size_bytes // 4, 8 * head + backbone.size_bytes, None)
    parameters = None
    with suppress(BackboneError):
        parameters = head + sum(p.numel() for p in backbone.build().parameters())
    return Cost(parameters, bytes_of(backbone), _milliseconds(backbone, domain, embedder))


def bytes_of(backbone: Backbone) -> int | None:
    """The size of the file that runs; None where the backbone cannot be made into one."""
    if backbone.kind in OWN:
        return backbone.size_bytes
    if backbone.graph is not None:
        return backbone.graph.stat().st_size if isinstance(backbone.graph, Path) else backbone.size_bytes or None
    with suppress(BackboneError):
        return checked_graph(backbone).path.stat().st_size
    return None


def _milliseconds(backbone: Backbone, domain: Domain, embedder: Embedder) -> float:
    inputs = first_inputs(domain.samples, range(len(domain)), backbone)
    engine = open_engine(backbone, plan_engine(backbone, embedder.engine), lambda: inputs)
    taken = []
    for number in range(TIMES + 2):  # the first two warm up
        start = time.perf_counter()
        engine.run(inputs[number % len(inputs)][None])
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.median(taken[2:]))
