"""IA3: keys, values and hidden activations of a transformer, each multiplied by a learned number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.models.peft.graft import Update, graft, held, takes_update
from transferium.models.peft.layers import transformer_blocks


class Outputs(Update):
    """``l ⊙ (W x + b)``, of which the first ``kept`` outputs stay as they are: queries beside keys and values."""

    def __init__(self, outputs: int, kept: int = 0) -> None:
        super().__init__()
        self.kept = kept
        self.scale = nn.Parameter(torch.ones(outputs - kept))

    def _whole(self) -> Tensor:
        return torch.cat([self.scale.new_ones(self.kept), self.scale]) if self.kept else self.scale

    def updated(self, weight: Tensor) -> Tensor:
        return weight * self._whole()[:, None]

    def original(self, weight: Tensor) -> Tensor:
        return weight / self._whole()[:, None]

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        if self.merged or plain is not nn.Linear.forward:
            return plain(layer, *inputs, **named)
        return nn.functional.linear(inputs[0], held(layer, "weight"), held(layer, "bias")) * self._whole()

    def updated_bias(self, bias: Tensor) -> Tensor:
        return bias * self._whole()

    def original_bias(self, bias: Tensor) -> Tensor:
        return bias / self._whole()


class Inputs(Update):
    """``W (l ⊙ x) + b``."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(inputs))

    def updated(self, weight: Tensor) -> Tensor:
        return weight * self.scale

    def original(self, weight: Tensor) -> Tensor:
        return weight / self.scale

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        if self.merged or plain is not nn.Linear.forward:
            return plain(layer, *inputs, **named)
        return nn.functional.linear(inputs[0] * self.scale, held(layer, "weight"), held(layer, "bias"))


@dataclass(frozen=True)
class IA3:
    """Learned scales of every block's keys, values, and what its feed-forward half ends in.

    They start at 1 and can be merged. Liu et al., Few-shot parameter-efficient fine-tuning is better and cheaper than
    in-context learning, NeurIPS 2022.
    """

    def inject(self, module: nn.Module) -> list[str]:
        """The names of the layers that got scales; ``InputError`` for a network without transformer blocks."""
        names: list[str] = []
        for block in transformer_blocks(module, "ia3"):
            for name in dict.fromkeys((block.keys, block.values)):
                layer = _linear(module, name)
                graft(layer, Outputs(layer.out_features, layer.out_features // 3 if block.fused else 0))
            last = _linear(module, block.end_of_feedforward)
            graft(last, Inputs(last.in_features))
            names += [*dict.fromkeys((block.keys, block.values)), block.end_of_feedforward]
        return names


def _linear(module: nn.Module, name: str) -> nn.Linear:
    layer = module.get_submodule(name)
    if not isinstance(layer, nn.Linear) or not takes_update(layer):
        raise InputError(
            f"ia3 scales linear layers that hold their weights themselves, and {name} of this backbone "
            f"({type(layer).__name__}) is none: use adapter or bitfit."
        )
    return layer
