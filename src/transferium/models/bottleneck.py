"""A small trainable network on top of frozen features, and how it is folded into a head that needs no torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.models.head import Head
from transferium.models.layers import LayeredHead

FLOOR = 0.1
"""Where spreads are compared, each counts as at least this share of the source's root mean square spread."""


class Standardised(nn.Module):
    """``(x - mean) / scale · gain + shift`` per feature; ``mean`` and ``scale`` are fixed, measured on given rows.

    ``gain`` and ``shift`` start at 1 and 0 and stay there unless somebody lets them move.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.gain = nn.Parameter(torch.ones(width), requires_grad=False)
        self.shift = nn.Parameter(torch.zeros(width), requires_grad=False)

    def measure(self, rows: NDArray[np.floating]) -> None:
        """Take each feature's mean and the one scale that all share from ``rows (n, width)``.

        The scale is the root mean square spread: features keep their sizes beside each other, for small ones (late
        principal components, rare words) are mostly noise.
        """
        x = np.asarray(rows, np.float64)
        self.mean.copy_(torch.from_numpy(x.mean(axis=0)))
        self.scale.fill_(float(np.sqrt(x.var(axis=0).mean())) or 1.0)

    @torch.no_grad()
    def restate(self, source: NDArray[np.floating], target: NDArray[np.floating], share: float = 1.0) -> None:
        """Give rows of the target, ``share`` of the way, the mean and spread that rows of the source have now."""
        x, z = np.asarray(source, np.float64), np.asarray(target, np.float64)
        spreads = [m.std(axis=0) for m in (x, z)]
        least = FLOOR * float(np.sqrt((spreads[0] ** 2).mean()))
        floored = [np.maximum(spread, least if least > 0 else 1.0) for spread in spreads]
        ratio = floored[1] / floored[0]
        centre, scale = _array(self.mean), _array(self.scale)
        self.mean.lerp_(torch.from_numpy(z.mean(axis=0) - (x.mean(axis=0) - centre) * ratio).to(self.mean), share)
        self.scale.lerp_(torch.from_numpy(scale * ratio).to(self.scale), share)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale * self.gain + self.shift


def bottleneck(width: int, hidden: int, rows: NDArray[np.floating]) -> nn.Sequential:
    """``Standardised``, and for ``hidden`` above 0 an affine layer to that many rectified features."""
    norm = Standardised(width)
    norm.measure(rows)
    return nn.Sequential(norm, nn.Linear(width, hidden), nn.ReLU()) if hidden else nn.Sequential(norm)


def fold(encoder: nn.Sequential, last: nn.Linear, temperature: float = 1.0) -> Head:
    """The head on raw features that equals ``last(encoder(x))`` for an encoder made by :func:`bottleneck`."""
    norm = encoder[0]
    assert isinstance(norm, Standardised)
    ratio = _array(norm.gain) / _array(norm.scale)
    offset = _array(norm.shift) - _array(norm.mean) * ratio
    first = encoder[1] if len(encoder) > 1 else last
    assert isinstance(first, nn.Linear)
    weight = _array(first.weight) * ratio
    bias = _array(first.bias) + _array(first.weight) @ offset
    if first is last:
        return Head(weight, bias, temperature)
    return LayeredHead(_array(last.weight), _array(last.bias), temperature, ((weight, bias),))


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().double().numpy())
