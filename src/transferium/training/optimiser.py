"""Optimisers as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferium.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import torch

    from transferium.training.groups import Group

OPTIMISERS = ("adamw", "sgd")


@dataclass(frozen=True)
class Optimiser:
    """AdamW (Loshchilov & Hutter 2019), or SGD with momentum, plain or Nesterov."""

    name: str = "adamw"
    momentum: float = 0.9
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if self.name not in OPTIMISERS:
            raise InputError(f"there is no optimiser {self.name!r}. {did_you_mean(self.name, OPTIMISERS)}")

    def build(self, groups: Sequence[Group]) -> torch.optim.Optimizer:
        """The torch optimiser over ``groups``; each remembers its rate before the schedule as ``base_lr``.

        The fused kernels are used everywhere: they are the fastest, and they can be told on the device to skip a step.
        """
        import torch

        plain = [
            {"params": list(g.params), "lr": g.lr, "base_lr": g.lr, "weight_decay": g.weight_decay} for g in groups
        ]
        if self.name == "sgd":
            return torch.optim.SGD(plain, momentum=self.momentum, nesterov=self.nesterov, fused=True)
        return torch.optim.AdamW(plain, betas=self.betas, eps=self.eps, fused=True)
