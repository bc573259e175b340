"""What a network under way sees of a stream, outside the training loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.methods.network import Carried

if TYPE_CHECKING:
    from torch import nn

    from transferium.data.domain import Domain
    from transferium.training.machine import Machine

Floats = NDArray[np.float64]
ROWS = 256


def seen_by(carried: Carried, stream: str) -> tuple[Floats, Floats]:
    """Features that the last layer reads, and its logits, for every row of a stream, in order."""
    from torch import nn

    if carried.each and carried.tuned is not None:
        restate_batch_norm(carried, stream, 1.0)
    features = _run(carried, carried.model.backbone, stream)
    head = carried.model.head
    assert isinstance(head, nn.Linear)
    weight, bias = (p.detach().cpu().double().numpy() for p in (head.weight, head.bias))
    return features, features @ weight.T + bias


def below_bottleneck(carried: Carried, stream: str) -> Floats:
    """What the bottleneck reads: the features of the backbone as it is now."""
    if carried.tuned is None:
        return np.asarray(carried.streams[stream].features, np.float64)
    return _run(carried, carried.tuned, stream)


def guessed_domain(carried: Carried, labels: NDArray[np.int64], kept: NDArray[Any] | None = None) -> Domain:
    """The target's rows with labels that somebody guessed; only those ``kept``, where that is given."""
    domain = replace(carried.streams["unlabeled"], labels=labels, classes=carried.parts.train.classes, name="guessed")
    return domain if kept is None else domain.take(kept)


def restate_batch_norm(carried: Carried, stream: str, share: float) -> None:
    """Move the running statistics of the backbone's batch normalisation ``share`` of the way to those of a stream."""
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    assert carried.tuned is not None
    layers = [m for m in carried.tuned.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    before = [(m.running_mean.clone(), m.running_var.clone(), m.momentum) for m in layers]  # type: ignore[union-attr]
    carried.tuned.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum, layer.training = None, True
    feed, machine = carried.feeds.open(carried.streams[stream], augmented=False), _machine()
    with torch.no_grad():
        for start in range(0, len(feed), ROWS):
            rows = np.arange(start, min(start + ROWS, len(feed)))
            if len(rows) > 1:
                carried.tuned(*feed.batch(0, rows).to(machine.device).inputs)
        for layer, (mean, variance, momentum) in zip(layers, before, strict=True):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.lerp_(mean, 1 - share)
            layer.running_var.lerp_(variance, 1 - share)
            layer.momentum, layer.training = momentum, False


def _run(carried: Carried, module: nn.Module, stream: str) -> Floats:
    from torch import nn

    from transferium.models.model import Model
    from transferium.training.predict import predict

    return predict(Model(module, nn.Identity()), carried.streams[stream], carried.feeds, _machine(), batch_size=ROWS)


def _machine() -> Machine:
    from transferium.training.machine import Machine

    return Machine()
