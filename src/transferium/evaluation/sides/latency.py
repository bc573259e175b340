"""How long an answer takes on this machine, and what the model weighs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumError
from transferium.evaluation.cost import bytes_of
from transferium.evaluation.layers.multiply_adds import multiply_adds
from transferium.evaluation.sides.looked import Looked
from transferium.system.energy import energy_counters, joules_since
from transferium.system.hardware import machine_name, peak_memory

BATCH = 32
CALLS, CALLS_QUICK = {1: 30, BATCH: 8}, {1: 10, BATCH: 2}


def latency(looked: Looked) -> dict[str, Any]:
    """Percentiles of the milliseconds from a raw example to its answer, for 1 and for 32 at once, and the throughput.

    Reading, preprocessing, network and head all count; no feature is taken from the store, and examples that are alike
    are computed as if they were not. ``parameters`` are the numbers of four bytes in the backbone's file (its
    statistics too) and the head's. ``peak_memory`` is the most that this process had in memory so far.
    ``multiply_adds`` are those of the network for the first example (None in a quick look, and where ``uncounted`` says
    why), ``joules`` what all processors of the machine used for one example, others' work too; None where the system
    does not tell.
    """
    model, domain = looked.model, looked.held.domain
    embedder = Embedder(None, engine=looked.embedder.engine, stays_open=True)
    found: dict[str, Any] = {}
    for many, calls in (CALLS_QUICK if looked.quick else CALLS).items():
        taken = []
        for number in range(calls + 1):  # the first warms up
            some = domain.take((np.arange(many) + number * many) % len(domain))
            # Names of their own: of examples that are alike, as few as there are may be, one alone would be computed.
            some = replace(some, keys=tuple(f"{number:032x}{i:032x}" for i in range(many)))
            start = time.perf_counter()
            model.outputs(embedder(some, model.backbone)[0])
            taken.append(1000 * (time.perf_counter() - start))
            if number == 0:
                counters = energy_counters()
        used = joules_since(counters, energy_counters())
        p50, p90, p99 = (float(q) for q in np.percentile(taken[1:], [50, 90, 99]))
        found[str(many)] = {"p50": p50, "p90": p90, "p99": p99, "calls": calls}
        found[str(many)]["joules"] = None if used is None else used / (calls * many)
    head = sum(array.size for array in model.head.to_tensors().values())
    size = bytes_of(model.backbone) or 0
    return _computed(looked) | {
        "milliseconds": found,
        "examples_a_second": 1000 * BATCH / found[str(BATCH)]["p50"],
        "parameters": size // 4 + head,
        "bytes": size + 8 * head,
        "peak_memory": peak_memory(),
        "machine": machine_name(),
    }


def _computed(looked: Looked) -> dict[str, Any]:
    """The multiply-adds of one example, or why they are not counted."""
    if looked.quick:
        return {"multiply_adds": None, "uncounted": "a quick look does not count what the network computes"}
    try:
        return {"multiply_adds": multiply_adds(looked.network, looked.held.domain.take([0]))}
    except TransferiumError as error:
        return {"multiply_adds": None, "uncounted": str(error).rstrip(".")}
