"""Low-rank updates of frozen weights (LoRA): two thin trainable matrices per layer, merged at the end."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from transferium.errors import InputError

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


class LowRank(nn.Module):
    """``W + (alpha / rank) · B A`` for a frozen weight ``W (out, in)``, or ``(out, in, …)`` of a convolution.

    ``A (rank, in · …)`` starts as a linear layer's weights do and ``B (out, rank)`` at 0, so that nothing is changed
    before the first step. Hu et al., LoRA: low-rank adaptation of large language models, ICLR 2022.

    >>> update = LowRank((4, 6), rank=2, alpha=8.0)
    >>> weight = torch.ones(4, 6)
    >>> torch.equal(update(weight), weight)
    True
    """

    def __init__(self, shape: tuple[int, ...], *, rank: int, alpha: float) -> None:
        super().__init__()
        out, fan_in = shape[0], math.prod(shape[1:])
        self.scale = alpha / rank
        self.A = nn.Parameter(torch.empty(min(rank, out, fan_in), fan_in))
        self.B = nn.Parameter(torch.zeros(out, len(self.A)))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def extra_repr(self) -> str:
        return f"rank={len(self.A)}, scale={self.scale}"

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.B @ self.A).view_as(weight)


def inject(module: nn.Module, *, rank: int, alpha: float) -> list[str]:
    """Freeze ``module`` and give every linear layer and plain convolution a :class:`LowRank`; returns their names.

    Grouped and depthwise convolutions stay as they are: their kernels are thin already. So do weights that two layers
    share, and bare matrices that a module of another kind holds. Reading ``layer.weight`` gives the updated one.
    Raises ``InputError`` where no layer can be given one.
    """
    module.requires_grad_(False)
    held = [id(p) for part in module.modules() for p in part.parameters(recurse=False)]
    names = [n for n, part in module.named_modules() if _can(part) and held.count(id(part.weight)) == 1]
    if not names:
        raise InputError("tuning='lora' finds no linear layer or plain convolution in this backbone: use tuning=full.")
    for name in names:
        weight = module.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        update = LowRank(tuple(weight.shape), rank=rank, alpha=alpha).to(weight.device)
        parametrize.register_parametrization(module.get_submodule(name), "weight", update, unsafe=True)
    return names


def updates(module: nn.Module) -> list[nn.Parameter]:
    """The parameters of every update, the only ones of a backbone that move."""
    return [p for part in module.modules() if isinstance(part, LowRank) for p in part.parameters()]


def merge(module: nn.Module) -> nn.Module:
    """Write every update into its weight, so that an ordinary module is left; its outputs stay the same.

    A deep copy of ``module`` is not touched. (``parametrize.remove_parametrizations`` would take the weight away from
    it: the copies share the class that holds the property.)
    """
    for part in list(module.modules()):
        if isinstance(dict(part.named_modules()).get("parametrizations.weight.0"), LowRank):
            assert isinstance(part.weight, Tensor)
            whole = nn.Parameter(part.weight.detach(), requires_grad=False)
            part.__class__ = parametrize.type_before_parametrizations(part)
            del part.parametrizations
            part.register_parameter("weight", whole)
    return module


def _can(part: nn.Module) -> bool:
    if not isinstance(part, Layer) or parametrize.is_parametrized(part) or not part.weight.is_floating_point():
        return False
    return isinstance(part, nn.Linear) or part.groups == 1
