"""Batch normalisation that leaves some channels to the moving statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.training.loop.wrapper import Record

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

    from transferium.training.loop.episode import Episode


class StochasticNorm:
    """``y_c = m_c · moving_c(x) + (1 - m_c) · batch_c(x)``, ``m_c ~ Bernoulli(p)`` for each channel and step.

    ``moving`` normalises by the moving statistics as they were before this pass, ``batch`` by those of the batch, which
    then join the moving ones. Only layers that train are changed, only while the records last, and not where statistics
    are taken anew for an average (the model is in eval mode then): hooks around the same modules, so that names,
    classes and the model at inference are what they were. ``p = 0`` adds no hook and draws no number. What a layer does
    after normalising (timm's activation) must treat channels apart.
    Kou et al., "Stochastic normalization" (2020).
    """

    name = "stochastic norm"

    def __init__(self, p: float) -> None:
        self.p = p

    def wrap(self, records: Iterator[Record], episode: Episode) -> Iterator[Record]:
        hooks = self.attach(episode.stage.model)
        try:
            yield from records
        finally:
            for hook in hooks:
                hook.remove()

    def attach(self, model: nn.Module) -> list[RemovableHandle]:
        """The hooks, around every batch normalisation that has moving statistics."""
        if self.p == 0:
            return []
        layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
        return [handle for layer in layers for handle in _Around(self.p, model).attach(layer)]

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Nothing: the draws come from torch's own generator."""


class _Around:
    """What one layer would have given by its moving statistics, between the start of a pass and its end."""

    def __init__(self, p: float, model: nn.Module) -> None:
        self.p, self.model = p, model
        self.moving: Tensor | None = None

    def attach(self, layer: _BatchNorm) -> list[RemovableHandle]:
        return [layer.register_forward_pre_hook(self.before), layer.register_forward_hook(self.after)]

    def before(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if layer.training and self.model.training:
            layer.training = False
            self.moving = layer.forward(*inputs)
            layer.training = True

    def after(self, layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if self.moving is None:
            return output
        channels = (1, output.shape[1], *(1 for _ in output.shape[2:]))
        kept = torch.rand(channels, device=output.device) < self.p
        moving, self.moving = self.moving, None
        return torch.where(kept, moving, output)
