"""Stochastic depth: residual branches are left out at random for each row, deeper ones more often."""

from __future__ import annotations

import re

from torch import Tensor, nn

from transferium.errors import InputError

_NAME = re.compile(r"(drop_path\d*|stochastic_depth)")
"""The names in timm, transformers and torchvision of the place where a residual block may be left out."""


class DropPath(nn.Module):
    """``x_i · b_i / (1 - rate)`` with ``b_i ~ Bernoulli(1 - rate)``, one number a row; ``x`` itself in eval mode."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3g}"

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty((len(x), *(1 for _ in x.shape[1:]))).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))


def set_drop_path(module: nn.Module, rate: float, name: str = "this backbone") -> None:
    """Give the residual blocks of ``module`` rates that rise evenly from 0 to ``rate`` at the last one; 0 does nothing.

    A block is a module with a place named for it (``drop_path``, ``drop_path1``, ``stochastic_depth``), whatever it
    holds now: nothing, an identity, or another rate. Parameters and their names stay as they are. Raises
    ``InputError`` where no block has such a place.
    Huang et al., "Deep networks with stochastic depth" (2016).

    >>> block = nn.Module()
    >>> block.drop_path = nn.Identity()
    >>> set_drop_path(block, 0.2)
    >>> block.drop_path
    DropPath(rate=0.2)
    """
    if rate == 0:
        return
    places = [(part, found) for part in module.modules() if (found := _places(part))]
    if not places:
        raise InputError(
            f"drop_path={rate}: {name} has no residual blocks that can be left out (timm's residual networks, and some "
            "of transformers', have them): use drop_path=0, or dropout."
        )
    for number, (part, found) in enumerate(places):
        share = rate if len(places) == 1 else rate * number / (len(places) - 1)
        for place in found:
            setattr(part, place, DropPath(share))


def _places(part: nn.Module) -> list[str]:
    """The places of one block: modules without parameters, or attributes that are None."""
    names = [n for n, child in part.named_children() if next(child.parameters(), None) is None]
    names += [n for n, value in (*vars(part).items(), *part._modules.items()) if value is None]
    return [n for n in dict.fromkeys(names) if _NAME.fullmatch(n)]
