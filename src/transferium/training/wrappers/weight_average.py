"""Averages of the weights during training, which are scored instead of the model's own weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from transferium.models.model import Model
from transferium.training.distributed.sharding import as_there
from transferium.training.loop.episode import Episode
from transferium.training.loop.wrapper import Record
from transferium.training.wrappers.batch_norm_statistics import refresh_statistics


class Average:
    """A wrapper that holds averaged weights beside the model, which always has its own when a record is yielded.

    Every floating-point tensor of the model is averaged, running statistics of batch norm among them; counters are
    copied. What does not move comes out bit for bit as it is.
    """

    name = "average"

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.count = 0

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        raise NotImplementedError

    @contextmanager
    def shown(self, episode: Episode) -> Iterator[None]:
        """Put the averaged weights, where there are any yet, into the model for the length of the block."""
        model = episode.stage.model
        if not self.weights:
            yield
            return
        live = copied(model)
        model.load_state_dict(self.weights)
        try:
            yield
        finally:
            model.load_state_dict(live)

    def forget(self) -> None:
        """Free the averaged weights: they are not needed any more."""
        self.weights = {}

    def said(self) -> str:
        """What was looked at and kept, as a phrase."""
        raise NotImplementedError

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(self.weights), {"count": self.count}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.weights, self.count = tensors, facts["count"]

    def _place(self, model: Model) -> None:
        if self.weights:
            self.weights = placed(self.weights, model)


class EMA(Average):
    """After each step ``average <- d average + (1 - d) weights``, ``d = min(decay, (1 + t) / (10 + t))`` at step ``t``.

    It starts at the weights before the first step, which the small ``d`` of the first steps soon forgets. The average
    is less noisy than the last weights, and need not wait for the rate to fall. Runs of less than some thousand steps
    average about the last ninth of them, whatever the decay.
    Polyak & Juditsky, "Acceleration of stochastic approximation by averaging" (1992); the warm-up is TensorFlow's.
    """

    name = "ema"

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        self.decay = decay

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        model = episode.stage.model
        self._place(model)
        if not self.weights:
            self.weights = copied(model)
        for record in records:
            decay = min(self.decay, (1 + self.count) / (10 + self.count))
            move(self.weights, model.state_dict(), 1 - decay)
            self.count += 1
            yield record

    def said(self) -> str:
        return f"what was looked at and kept are averages of the weights that forget with a decay of {self.decay}"


class SWA(Average):
    """The plain mean of the weights at the end of each epoch that began in the last ``1 - start`` of a stage.

    The stage's rate should be held from ``start`` on (:class:`Schedule`'s ``hold``), so that the epochs walk about a
    flat region whose middle the mean finds. Batch norm whose statistics move gets them anew for every mean, in one pass
    over the last epoch's batches; a mean of one epoch is that epoch. Until the first of these epochs has ended, the
    model itself is looked at.
    Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018).
    """

    name = "swa"

    def __init__(self, start: float = 0.5) -> None:
        super().__init__()
        self.start = start

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        self._place(episode.stage.model)
        first = self._first(episode)
        for record in records:
            if episode.epoch_ended and record["epoch"] >= first:
                self._add(episode)
            yield record

    def said(self) -> str:
        return f"what was looked at and kept after {self.start:.0%} of the epochs are means of the weights since then"

    def _first(self, episode: Episode) -> int:
        """The first epoch that runs at the held rate from its start; the last one at the latest."""
        epochs = math.ceil(episode.total / episode.steps_per_epoch)
        return min(epochs - 1, math.ceil(self.start * epochs - 1e-9))

    def _add(self, episode: Episode) -> None:
        model = episode.stage.model
        self.count += 1
        if self.count == 1:
            self.weights = copied(model)
            return
        move(self.weights, model.state_dict(), 1 / self.count)
        with self.shown(episode):
            if refresh_statistics(episode):
                self.weights = copied(model)


def copied(model: Model) -> dict[str, Tensor]:
    """Every tensor of a model, as it is now."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def placed(weights: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """A copy of ``weights`` where the module's are, in their memory layout, for kernels to take the same path."""
    return {name: as_there(weights[name], now) for name, now in module.state_dict().items()}


@torch.no_grad()
def move(average: dict[str, Tensor], towards: dict[str, Tensor], share: float) -> None:
    """Move each float tensor of ``average`` by ``share`` of the way, in place; other tensors are copied."""
    for name, now in towards.items():
        if now.is_floating_point():
            average[name].lerp_(now.detach(), share)
        else:
            average[name].copy_(now)
