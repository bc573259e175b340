"""How examples of each kind come into an exported PyTorch module: one row for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from transferium.data.domain import Kind
from transferium.job.export.onnx.row_inputs import HUGE, number_codes
from transferium.models.backbone import Backbone
from transferium.models.columns.codes import LIMIT
from transferium.models.model import Chain
from transferium.models.of_pairs import PARTS
from transferium.models.preprocess import ImagePreprocess


class Pixels(nn.Module):
    """8-bit pixels ``(n, h, w, 3)`` to what a network reads ``(n, 3, h, w)``, as ``ImagePreprocess.normalise`` does."""

    scale: Tensor
    shift: Tensor

    def __init__(self, read: ImagePreprocess) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([1 / (255 * std) for std in read.std]))
        self.register_buffer("shift", torch.tensor([mean / std for mean, std in zip(read.mean, read.std, strict=True)]))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.to(self.scale.dtype) * self.scale - self.shift).permute(0, 3, 1, 2)


class Compared(nn.Module):
    """Two texts ``(n, 2, length)`` to the features of their pair, as ``models.of_pairs.compared`` makes them."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network, self.width = network, width

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        u, v = self.network(ids.flatten(0, 1), mask.flatten(0, 1)).view(-1, 2, self.width).unbind(1)
        return torch.cat([u, v, (u - v).abs(), u * v * self.width**0.5], dim=1)


class Numbers(nn.Module):
    """Rows of numbers ``(n, columns)``, NaN where a cell is missing, to features: the encoding of ``NumberCode``."""

    center: Tensor
    scale: Tensor
    order: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        codes = number_codes(backbone)
        order = [at for i, code in enumerate(codes) for at in ([i, len(codes) + i] if code.flag else [i])]
        self.register_buffer("center", torch.tensor([code.center for code in codes], dtype=torch.float64))
        self.register_buffer("scale", torch.tensor([code.scale for code in codes], dtype=torch.float64))
        self.register_buffer("order", torch.tensor(order))

    def forward(self, rows: Tensor) -> Tensor:
        scaled = (rows - self.center) / self.scale
        missing = scaled.isnan()
        cut = torch.where(missing, 0.0, scaled).clamp(-HUGE, HUGE)
        pressed = cut / ((cut / LIMIT).square() + 1).sqrt()
        return torch.cat([pressed, missing.to(pressed.dtype)], dim=1)[:, self.order].float()


def _pictures(backbone: Backbone, network: Callable[[], nn.Module]) -> nn.Module:
    assert isinstance(backbone.preprocess, ImagePreprocess)
    return Chain(Pixels(backbone.preprocess), network())


MODULES: dict[Kind, Callable[[Backbone, Callable[[], nn.Module]], nn.Module]] = {
    "image": _pictures,
    "text": lambda _backbone, network: network(),
    "pair": lambda backbone, network: Compared(network(), backbone.width // PARTS),
    "row": lambda backbone, _network: Numbers(backbone),
    "features": lambda _backbone, _network: nn.Identity(),
}
"""Kinds of example that an exported module reads: inputs as of an ONNX file, to features; ``network()`` is the rest."""


def axes(backbone: Backbone, inputs: dict[str, Any]) -> tuple[dict[int, Any], ...]:
    """Which axes of each input may have any length: that of the examples, and of texts that of the tokens."""
    ragged = backbone.preprocess is not None and backbone.preprocess.ragged
    free = torch.export.Dim.DYNAMIC
    return tuple({0: free} | ({array.ndim - 1: free} if ragged else {}) for array in inputs.values())
