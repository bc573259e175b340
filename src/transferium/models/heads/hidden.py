"""Hidden layers between a backbone and its last linear layer: trained in the head, fitted as the backbone's end."""

from __future__ import annotations

import copy
import hashlib
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.models.backbone import Backbone
from transferium.models.heads.scaled_linear import ScaledLinear
from transferium.models.sources.wrapped import fingerprint_module

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}


class HiddenHead(nn.Module):
    """``h_0 = x``, ``h_k = dropout(activation(W_k h_{k-1} + b_k))``, and a linear layer on the last of them.

    ``hidden`` is all but that linear layer, ``last``: once trained, it is the end of the backbone, and ``last`` is the
    head. The first layer is a ``ScaledLinear``: :meth:`look` tells it the size of the features.

    >>> import torch
    >>> head = HiddenHead(8, (16, 4), 3, "relu", 0.5)
    >>> head(torch.zeros(2, 8)).shape, head.hidden(torch.zeros(2, 8)).shape
    (torch.Size([2, 3]), torch.Size([2, 4]))
    """

    def __init__(self, width: int, widths: tuple[int, ...], classes: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.widths = widths
        layers: list[nn.Module] = []
        for i, (into, out) in enumerate(zip((width, *widths), widths, strict=False)):
            layers += [ScaledLinear(into, out) if i == 0 else nn.Linear(into, out)]
            layers += [ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.last = ScaledLinear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.hidden(x))
        return logits

    def look(self, features: NDArray[np.floating]) -> None:
        """Fix the centre and the size of the features that the first layer reads."""
        first = self.hidden[0]
        assert isinstance(first, ScaledLinear)
        first.look(features)

    @property
    def activations(self) -> list[nn.Module]:
        """The activation of each hidden layer, in order."""
        return [m for m in self.hidden if type(m) in ACTIVATIONS.values()]


class Extended(nn.Module):
    """``end(body(*inputs))``: a backbone with more layers at its end."""

    def __init__(self, body: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.body, self.end = body, end

    def forward(self, *inputs: Tensor) -> Tensor:
        features: Tensor = self.end(self.body(*inputs))
        return features

    def for_export(self) -> nn.Module:
        """The same with the body as it wants to be exported."""
        prepare = getattr(self.body, "for_export", None)
        return self if prepare is None else _OneInput(prepare(), self.end)


class _OneInput(nn.Module):
    """An exported text encoder is given its ids and nothing else; the exporter wants them named."""

    def __init__(self, body: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.body, self.end = body, end

    def forward(self, ids: Tensor) -> Tensor:
        features: Tensor = self.end(self.body(ids))
        return features


def extended(backbone: Backbone, end: nn.Module, width: int) -> Backbone:
    """``backbone`` with a copy of ``end`` behind it: ``width`` features, one block more.

    >>> import torch
    >>> from transferium.models.catalogue import find_backbone
    >>> longer = extended(find_backbone(None, "features"), nn.Linear(4, 2), 2)
    >>> longer.width, longer.blocks, longer.build()(torch.zeros(1, 4)).shape
    (2, ('end',), torch.Size([1, 2]))
    """
    end = copy.deepcopy(end).eval().requires_grad_(False).cpu()
    words = f"extended {backbone.fingerprint} {fingerprint_module(end)}"
    return backbone.made_into(
        hashlib.sha256(words.encode()).hexdigest(),
        partial(_extend, backbone, end),
        width=width,
        blocks=(*(f"body.{name}" for name in backbone.blocks), "end"),
        fresh=None,
        architecture=None,
    )


def _extend(backbone: Backbone, end: nn.Module) -> nn.Module:
    return Extended(backbone.build(), copy.deepcopy(end).requires_grad_(True)).eval()
