"""LoRA: low-rank updates of frozen weights, two thin matrices for each layer; and DoRA, which adds a length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from transferium.errors import InputError
from transferium.models.peft.graft import Update, graft, held, takes_update
from transferium.models.peft.layers import ATTENTION, chosen, transformer_blocks

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
_TINY = 1e-12


class LowRank(Update):
    """``W + scale · B A`` for a frozen weight ``W (out, in)``, or ``(out, in, …)`` of a convolution.

    ``A (rank, in · …)`` starts as a linear layer's weights do and ``B (out, rank)`` at 0, so that nothing is changed
    before the first step. ``scale`` is ``alpha / rank``, or ``alpha / √rank`` where it is rank-``stabilised``.
    Linear layers and convolutions answer ``W x + scale · B (A x)``: no gradient of a whole weight is ever made.
    Hu et al., LoRA: low-rank adaptation of large language models, ICLR 2022; Kalajdzievski, A rank stabilization
    scaling factor for fine-tuning with LoRA, 2023.

    >>> part = LowRank(torch.ones(4, 6), rank=2, alpha=8.0)
    >>> torch.equal(part.updated(torch.ones(4, 6)), torch.ones(4, 6)), part.scale
    (True, 4.0)
    """

    def __init__(self, weight: Tensor, *, rank: int, alpha: float, stabilised: bool = False) -> None:
        super().__init__()
        out, fan_in = weight.shape[0], math.prod(weight.shape[1:])
        self.scale = alpha / (math.sqrt(rank) if stabilised else rank)
        self.A = nn.Parameter(torch.empty(min(rank, out, fan_in), fan_in))
        self.B = nn.Parameter(torch.zeros(out, len(self.A)))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def extra_repr(self) -> str:
        return f"rank={len(self.A)}, scale={self.scale}"

    def change(self, weight: Tensor) -> Tensor:
        """What is added to a weight of that shape."""
        return self.scale * (self.B @ self.A).view_as(weight)

    def updated(self, weight: Tensor) -> Tensor:
        return weight + self.change(weight)

    def original(self, weight: Tensor) -> Tensor:
        return weight - self.change(weight)

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        if self.merged or named or not _plain(plain):
            return plain(layer, *inputs, **named)
        (x,) = inputs
        return self._together(layer, x, held(layer, "bias"))

    def _together(self, layer: Any, x: Tensor, bias: Tensor | None) -> Tensor:
        """``W x + scale · B (A x)``; of a convolution, ``A`` is one with ``rank`` channels and ``B`` of one pixel."""
        weight = held(layer, "weight")
        if weight.ndim == 2:  # in one product, so that no tensor is made but the answer
            y, down = F.linear(x, weight, bias), F.linear(x, self.A)
            rows = y.reshape(-1, y.shape[-1]), down.reshape(-1, down.shape[-1])
            return torch.addmm(*rows, self.B.T, alpha=self.scale).view(y.shape)
        down = layer._conv_forward(x, self.A.view(-1, *weight.shape[1:]), None)
        up = self.B.view(*self.B.shape, *[1] * (weight.ndim - 2))
        pixels: Tensor = getattr(F, f"conv{weight.ndim - 2}d")(down, up)
        answer: Tensor = layer._conv_forward(x, weight, bias) + self.scale * pixels
        return answer


class Decomposed(LowRank):
    """``m (W + scale · B A) / ‖W + scale · B A‖``: each row's length ``m`` is learned apart from its direction.

    ``m (out,)`` starts at the rows' lengths. The norm is a constant to the gradient, as the paper proposes (4.3).
    Liu et al., DoRA: weight-decomposed low-rank adaptation, ICML 2024.
    """

    norm: Tensor

    def __init__(self, weight: Tensor, *, rank: int, alpha: float, stabilised: bool = False) -> None:
        super().__init__(weight, rank=rank, alpha=alpha, stabilised=stabilised)
        self.m = nn.Parameter(_lengths(weight.detach()))
        self.register_buffer("norm", _lengths(weight.detach()), persistent=False)

    def merge(self, layer: nn.Module) -> None:
        self.norm = self._norm(held(layer, "weight"))
        super().merge(layer)

    @torch.no_grad()
    def _norm(self, weight: Tensor) -> Tensor:
        return _lengths(weight + self.change(weight)).clamp_min(_TINY)

    def updated(self, weight: Tensor) -> Tensor:
        return _by_row(self.m / self._norm(weight), weight) * (weight + self.change(weight))

    def original(self, weight: Tensor) -> Tensor:
        return weight * _by_row(self.norm / self.m, weight) - self.change(weight)

    def _together(self, layer: Any, x: Tensor, bias: Tensor | None) -> Tensor:
        weight = held(layer, "weight")
        across = (slice(None), *[None] * (weight.ndim - 2)) if weight.ndim > 2 else ...
        y = super()._together(layer, x, None) * (self.m / self._norm(weight))[across]
        return y if bias is None else y + bias[across]


@dataclass(frozen=True)
class LoRA:
    """Low-rank updates of ``targets``: linear layers and plain convolutions.

    Grouped and depthwise convolutions stay as they are: their kernels are thin already. So do weights that two layers
    share, weights that a layer makes of others (weight normalisation), and bare matrices that a module of another kind
    holds.
    """

    rank: int = 8
    alpha: float = 16.0
    stabilised: bool = False
    targets: str = "all"
    part: ClassVar[type[LowRank]] = LowRank

    def inject(self, module: nn.Module) -> list[str]:
        """The names of the layers that got one; raises ``InputError`` where no layer can."""
        uses = [id(p) for part in module.modules() for p in part.parameters(recurse=False)]
        able = [n for n, layer in module.named_modules() if _can(layer) and uses.count(id(held(layer, "weight"))) == 1]
        if not able:
            raise InputError(
                "low-rank updates are for linear layers and plain convolutions, and this backbone has none: move the "
                "weights themselves, as finetune and tuning=full do."
            )
        blocks = transformer_blocks(module, "targets=attention") if self.targets == ATTENTION else ()
        names = chosen(able, self.targets, blocks)
        for name in names:
            layer = module.get_submodule(name)
            weight = held(layer, "weight")
            graft(layer, self.part(weight, rank=self.rank, alpha=self.alpha, stabilised=self.stabilised))
        return names


@dataclass(frozen=True)
class DoRA(LoRA):
    """As :class:`LoRA`, with the rows' lengths."""

    part: ClassVar[type[LowRank]] = Decomposed


def _can(layer: nn.Module) -> bool:
    if not isinstance(layer, Layer) or not takes_update(layer):
        return False
    return isinstance(layer, nn.Linear) or layer.groups == 1


def _plain(forward: Callable[..., Any]) -> bool:
    """Whether a layer does nothing but multiply by its weight."""
    return forward in (nn.Linear.forward, nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward)


def _lengths(weight: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return lengths


def _by_row(factor: Tensor, weight: Tensor) -> Tensor:
    return factor.view(-1, *[1] * (weight.ndim - 1))
