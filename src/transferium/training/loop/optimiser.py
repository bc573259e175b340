"""Optimisers as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transferium.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import torch

    from transferium.training.loop.param_groups import Group

OPTIMISERS = ("adamw", "adam", "sgd", "lion", "muon")
_SKIPPING = ("adamw", "adam", "sgd")


@dataclass(frozen=True)
class Optimiser:
    """Which optimiser moves the weights.

    ``adamw`` (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019) is the default everywhere. ``adam``
    (Kingma & Ba, "Adam: a method for stochastic optimization", 2015) adds weight decay to the gradient instead: for
    recipes that ask for it by name. ``sgd`` has ``momentum``, plain or Nesterov; its rates are about a hundred times
    as large. ``lion`` (Chen et al., "Symbolic discovery of optimization algorithms", 2023) keeps one moment instead of
    two; give it a third to a tenth of AdamW's rate. ``muon`` (Jordan et al., "Muon: an optimizer for hidden layers in
    neural networks", 2024) makes the step of each weight matrix and convolution orthogonal, at AdamW's rates, and moves
    biases and norms by AdamW. The last two are timm's, and read ``momentum`` and ``betas`` as timm sets them.
    """

    name: str = "adamw"
    momentum: float = 0.9
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if self.name not in OPTIMISERS:
            raise InputError(f"there is no optimiser {self.name!r}. {did_you_mean(self.name, OPTIMISERS)}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum lies from 0 to below 1; it was {self.momentum}.")
        if self.nesterov and not self.momentum:
            raise InputError("nesterov looks ahead along the momentum, and momentum=0 has none: use momentum=0.9, say.")

    @property
    def skips(self) -> bool:
        """Whether a flag on the device can make it skip a step, as PyTorch's fused kernels can."""
        return self.name in _SKIPPING

    def build(self, groups: Sequence[Group]) -> torch.optim.Optimizer:
        """The torch optimiser over ``groups``; each remembers its rate before the schedule as ``base_lr``.

        The fused kernels are used where there are any: they are the fastest and can skip a step by a flag. SGD has
        none for weights that are split over processes.
        """
        import torch

        from transferium.training.distributed.sharding import is_split

        plain: list[dict[str, Any]] = [
            {"params": list(g.params), "lr": g.lr, "base_lr": g.lr, "weight_decay": g.weight_decay} for g in groups
        ]
        if self.name == "sgd":
            fused = not any(is_split(p) for g in groups for p in g.params)
            return torch.optim.SGD(plain, momentum=self.momentum, nesterov=self.nesterov, fused=fused)
        if self.name == "lion":
            from timm.optim import Lion

            lion: torch.optim.Optimizer = Lion(plain)
            return lion
        if self.name == "muon":
            from timm.optim import Muon

            muon: torch.optim.Optimizer = Muon(plain)
            return muon
        adam = torch.optim.AdamW if self.name == "adamw" else torch.optim.Adam
        return adam(plain, betas=self.betas, eps=self.eps, fused=True)
