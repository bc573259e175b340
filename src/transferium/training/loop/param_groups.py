"""Which parameters move, and at which rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from transferium.training.loop.freeze import block_of


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that share a learning rate and a weight decay."""

    name: str
    params: tuple[nn.Parameter, ...]
    lr: float
    weight_decay: float = 0.0


def plain_groups(
    parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0, name: str = "all"
) -> tuple[Group, ...]:
    """Everything that requires a gradient, at one rate; biases and norms (one dimension or none) without decay."""
    moving = [p for p in dict.fromkeys(parameters) if p.requires_grad]
    decayed = tuple(p for p in moving if p.ndim > 1)
    free = tuple(p for p in moving if p.ndim <= 1)
    groups = (Group(name, decayed, lr, weight_decay), Group(f"{name} (no decay)", free, lr, 0.0))
    return tuple(g for g in groups if g.params)


def layered_groups(
    backbone: nn.Module, blocks: tuple[str, ...], *, lr: float, decay: float = 1.0, weight_decay: float = 0.0
) -> tuple[Group, ...]:
    """A backbone's parameters at rates that fall towards the input: ``lr * decay**(blocks above)``.

    The last block learns at ``lr``. After Howard & Ruder, "Universal language model fine-tuning" (2018).
    """
    by_block: dict[int, list[nn.Parameter]] = {}
    for name, parameter in backbone.named_parameters():
        by_block.setdefault(block_of(name, blocks), []).append(parameter)
    groups: list[Group] = []
    for number in sorted(by_block):
        rate = lr * decay ** (max(len(blocks), 1) - 1 - number)
        label = blocks[number] if blocks else "backbone"
        groups += plain_groups(by_block[number], rate, weight_decay, label)
    return tuple(groups)
