"""Heads as PyTorch modules in double precision, as they are here: features in, outputs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from transferium.job.export.onnx.head_nodes import check_written
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Link


class Double(nn.Module):
    """Its input in double precision."""

    def forward(self, features: Tensor) -> Tensor:
        return features.double()


class Unit(nn.Module):
    """Rows scaled to length 1; those of length 0 stay."""

    def forward(self, features: Tensor) -> Tensor:
        length = features.norm(dim=1, keepdim=True)
        return features / torch.where(length == 0, 1.0, length)


def head_module(head: AnyHead) -> nn.Module:
    """``link(scores(features) / temperature)``; raises ``ArtifactError`` for a head that is not written so."""
    check_written(head)
    return nn.Sequential(Double(), *scores(head), LINKS[head.link]())


def scores(head: Any) -> list[nn.Module]:
    """The layers that score features, the temperature in the last of them."""
    before = [Unit()] if head.kind == "cosine" else []
    hidden = [part for layer in getattr(head, "hidden", ()) for part in (_linear(*layer), nn.ReLU())]
    return [*before, *hidden, _linear(head.weight / head.temperature, head.bias / head.temperature)]


def _linear(weight: Any, bias: Any) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return layer


LINKS: dict[Link, Callable[[], nn.Module]] = {
    "softmax": lambda: nn.Softmax(dim=1),
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}
