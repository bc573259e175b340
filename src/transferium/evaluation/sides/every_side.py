"""The sides from which an evaluation can look at a model, by the key of each in its JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from transferium.errors import TransferiumError
from transferium.evaluation.sides.block_probes import block_probes
from transferium.evaluation.sides.confidence_curve import confidence_curve
from transferium.evaluation.sides.conformal_sets import conformal_sets
from transferium.evaluation.sides.latency import latency
from transferium.evaluation.sides.layer_similarity import layer_similarity
from transferium.evaluation.sides.learning_curve import learning_curve
from transferium.evaluation.sides.looked import Looked
from transferium.evaluation.sides.robustness import robustness
from transferium.evaluation.sides.train_test_gap import train_test_gap
from transferium.evaluation.sides.transfer_gain import transfer_gain
from transferium.evaluation.sides.why import why
from transferium.system.display import at_work

Side = Callable[[Looked], dict[str, Any]]
SIDES: dict[str, Side] = {
    "train_test_gap": train_test_gap,
    "transfer": transfer_gain,
    "confidence": confidence_curve,
    "conformal": conformal_sets,
    "latency": latency,
    "cka": layer_similarity,
    "blocks": block_probes,
    "learning_curve": learning_curve,
    "robustness": robustness,
    "why": why,
}


def look_from(sides: Mapping[str, Side], looked: Looked) -> dict[str, dict[str, Any]]:
    """What each side found and its seconds; of one that cannot be, the ``reason``."""
    found = {}
    for name, side in sides.items():
        started = time.perf_counter()
        try:
            with at_work(looked.embedder.progress, f"look at {name.replace('_', ' ')}"):
                told = side(looked)
        except TransferiumError as error:
            told = {"reason": str(error).rstrip(".")}
        found[name] = told | {"seconds": round(time.perf_counter() - started, 3)}
    return found
