"""Features and predictions of a network during an adaptation, outside the training loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.adaptation.pseudo_labels import centroid_labels
from transferium.functional.linear_classifier import softmax
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.problems.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from transferium.data.domain import Domain
    from transferium.training.distributed.machine import Machine

Floats = NDArray[np.float64]
ROWS = 256


def seen_by(state: AdaptationState, stream: str) -> tuple[Floats, Floats]:
    """Features that the last layer reads, and its logits, for every row of a stream, in order."""
    from torch import nn

    if state.each and state.tuned is not None:
        restate_batch_norm(state, stream, 1.0)
    features = _run(state, state.model.backbone, stream)
    head = state.model.head
    assert isinstance(head, nn.Linear)
    weight, bias = (p.detach().cpu().double().numpy() for p in (head.weight, head.bias))
    return features, features @ weight.T + bias


def below_bottleneck(state: AdaptationState, stream: str) -> Floats:
    """What the bottleneck reads: the features of the backbone as it is now."""
    if state.tuned is None:
        return np.asarray(state.streams[stream].features, np.float64)
    return _run(state, state.tuned, stream)


def guessed_domain(state: AdaptationState, labels: NDArray[np.int64], kept: NDArray[Any] | None = None) -> Domain:
    """The target's rows with pseudo-labels; only those ``kept``, where that is given."""
    domain = replace(state.streams["unlabeled"], labels=labels, problem=Classes(state.names), name="guessed")
    return domain if kept is None else domain.take(kept)


def clustered_domain(state: AdaptationState) -> Domain:
    """The target's rows with the label of the nearest class centroid, as the model sees them now."""
    features, logits = seen_by(state, "unlabeled")
    return guessed_domain(state, centroid_labels(features, softmax(logits)))


def restate_batch_norm(state: AdaptationState, stream: str, share: float) -> None:
    """Move the running statistics of the backbone's batch normalisation ``share`` of the way to those of a stream.

    They are those of all rows at once (:class:`Moments`), which are read in parts. Deeper layers read what the
    statistics of each part made of it: a part takes every k-th row, so that rows which come sorted make parts alike.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    assert state.tuned is not None
    layers = {m: Moments() for m in state.tuned.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None}
    momenta = [layer.momentum for layer in layers]
    hooks = [layer.register_forward_pre_hook(seen.add) for layer, seen in layers.items()]
    state.tuned.eval()
    for layer in layers:
        layer.momentum, layer.training = 0.0, True  # normalises by each part and keeps its own statistics as they are
    feed, machine = state.feeds.open(state.streams[stream], augmented=False), _machine()
    parts = -(-len(feed) // ROWS)
    with torch.no_grad():
        for first in range(parts):
            state.tuned(*feed.batch(0, np.arange(first, len(feed), parts)).to(machine.device).inputs)
        for (layer, seen), momentum, hook in zip(layers.items(), momenta, hooks, strict=True):
            hook.remove()
            layer.momentum, layer.training = momentum, False
            if not seen.n:
                continue  # a layer that nothing goes through
            for running, found in zip((layer.running_mean, layer.running_var), seen.statistics(), strict=True):
                assert running is not None
                running.lerp_(torch.from_numpy(found).to(running), share)


class Moments:
    """Mean and variance of each channel of everything that a layer reads, part after part.

    Of parts of ``nᵢ`` values with mean ``mᵢ`` and variance ``vᵢ``, with ``n = Σ nᵢ``: ``mean = Σ nᵢ mᵢ / n`` and
    ``variance = (Σ nᵢ (vᵢ + mᵢ²) - n mean²) / (n - 1)``.
    """

    def __init__(self) -> None:
        self.n = 0
        self.total: Floats = np.zeros(())
        self.squares: Floats = np.zeros(())

    def add(self, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """One part: ``(rows, channels, …)``."""
        import torch

        x = inputs[0]
        variance, mean = (
            found.cpu().double().numpy() for found in torch.var_mean(x.float(), [0, *range(2, x.ndim)], correction=0)
        )
        n = x.numel() // len(mean)
        self.n, self.total = self.n + n, self.total + n * mean
        self.squares = self.squares + n * (variance + mean**2)

    def statistics(self) -> tuple[Floats, Floats]:
        """Mean and unbiased variance ``(channels,)`` of all parts together."""
        mean = self.total / self.n
        return mean, (self.squares - self.n * mean**2).clip(min=0) / (self.n - 1)


def _run(state: AdaptationState, module: nn.Module, stream: str) -> Floats:
    from torch import nn

    from transferium.models.model import Model
    from transferium.training.loop.predict import predict

    return predict(Model(module, nn.Identity()), state.streams[stream], state.feeds, _machine(), batch_size=ROWS)


def _machine() -> Machine:
    from transferium.training.distributed.machine import Machine

    return Machine()
