"""What this data costs on this machine with this backbone: a few examples embedded, and a few training steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumError
from transferium.models.backbone import Backbone
from transferium.models.modality import is_ragged
from transferium.system.extras import INSTALL, can_train
from transferium.system.hardware import peak_memory

FIRST, MORE = 4, 20
"""Examples that are embedded to open the engine, and those that are timed after them."""
BATCH, STEPS = 8, 3
"""The examples of a training step, and how many steps; the first only warms up."""


@dataclass(frozen=True)
class Calibration:
    """``embed_s`` and ``step_s``: seconds an example of the frozen network, and of a step in which everything moves.

    ``frozen_gb`` and ``peak_gb`` are the most memory of this process before and after steps with a batch of ``BATCH``,
    in gigabytes, None where the system does not say. ``untrained`` says why no step was taken; ``step_s`` is then None.
    """

    width: int
    embed_s: float
    frozen_gb: float | None
    step_s: float | None = None
    peak_gb: float | None = None
    untrained: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        steps = {"seconds_of_a_training_example": self.step_s, "peak_gb": self.peak_gb, "batch": BATCH}
        known = {"features": self.width, "seconds_of_an_embedded_example": self.embed_s}
        return known | (steps if self.step_s is not None else {"not_trained": self.untrained})


def calibrate(domain: Domain, backbone: Backbone) -> Calibration:
    """Embed and train on a few readable examples of ``domain``; nothing is kept. Labels are not looked at."""
    embedder = Embedder(None)
    reader = embedder.fitted(backbone, domain)
    at = np.linspace(0, len(domain) - 1, min(len(domain), FIRST + MORE)).astype(int)
    some = domain.take(np.unique(at))
    embedder(some.take(np.arange(min(FIRST, len(some)))), reader)
    started = time.perf_counter()
    seen = Embedder(None)(some, reader)[0] if len(some) <= FIRST else embedder(some, reader)[0]
    spent = (time.perf_counter() - started) / max(1, len(some) - (FIRST if len(some) > FIRST else 0))
    width, why = seen.features.shape[1] if seen.features.ndim > 1 else reader.width, _untrainable(reader)
    inputs = [] if why else _inputs(some, reader)
    if not inputs:
        return Calibration(width, spent, _peak(), untrained=why or "none of the examples tried can be read")
    return Calibration(width, spent, _peak(), *_steps(reader, inputs))


def _untrainable(backbone: Backbone) -> str:
    if not can_train():
        return f"PyTorch, which trains networks, is not installed here: {INSTALL}"
    from transferium.training.feeds.feeds import FEEDS

    if not backbone.blocks or backbone.preprocess is None or backbone.kind not in FEEDS:
        return f"{backbone.name} is no network that can be trained on {backbone.kind} examples"
    return ""


def _inputs(domain: Domain, backbone: Backbone) -> list[NDArray[Any]]:
    found, preprocess = [], backbone.preprocess
    assert preprocess is not None
    for i in range(len(domain)):
        try:
            array = preprocess.read(domain.samples.raw(i))
        except (TransferiumError, OSError):
            continue
        if array.size:
            found.append(array)
        if len(found) == BATCH:
            break
    return found


def _steps(backbone: Backbone, inputs: list[NDArray[Any]]) -> tuple[float, float | None]:
    """Seconds an example of a forward and backward pass of everything, the fastest of some; the peak of memory."""
    import torch

    module = backbone.build().train().requires_grad_(True)
    batch: tuple[Any, ...]
    if is_ragged(backbone.kind):
        rows = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(one) for one in inputs], batch_first=True)
        lengths = torch.tensor([len(one) for one in inputs])
        batch = rows, (torch.arange(rows.shape[1]) < lengths[:, None]).long()
    else:
        batch = (torch.from_numpy(np.stack(inputs)),)
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        module(*batch).float().square().mean().backward()
        times.append(time.perf_counter() - started)
    return min(times[1:]) / len(inputs), _peak()


def _peak() -> float | None:
    """The same as :func:`peak_memory`, in gigabytes."""
    most = peak_memory()
    return None if most is None else most / 1e9
