"""Bottleneck adapters: two small layers in a row with what each half of a transformer block ends in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from transferium.models.peft.graft import Part, graft
from transferium.models.peft.layers import transformer_blocks


class Bottleneck(Part):
    """``h + W_up gelu(W_down h)`` for the answer ``h (…, width)`` of its layer; ``W_up`` starts at 0."""

    def __init__(self, width: int, reduced: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, reduced), nn.Linear(reduced, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        h = plain(layer, *inputs, **named)
        return h + self.up(nn.functional.gelu(self.down(h)))


@dataclass(frozen=True)
class SerialAdapter:
    """Bottlenecks of ``reduced`` units, before what each half adds to the residual stream.

    ``houlsby`` puts one behind attention and one behind the feed-forward half, ``pfeiffer`` behind the latter alone.
    Houlsby et al., Parameter-efficient transfer learning for NLP, ICML 2019; Pfeiffer et al., AdapterFusion, EACL 2021.
    """

    reduced: int = 32
    layout: str = "houlsby"

    def inject(self, module: nn.Module) -> list[str]:
        """The names of the layers that got one; ``InputError`` for a network without transformer blocks."""
        names: list[str] = []
        for block in transformer_blocks(module, "a bottleneck adapter"):
            both = (block.end_of_attention, block.end_of_feedforward)
            for name in both if self.layout == "houlsby" else both[1:]:
                graft(module.get_submodule(name), Bottleneck(block.width, self.reduced))
                names.append(name)
        return names
