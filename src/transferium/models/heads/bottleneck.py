"""A small trainable network on frozen features, and its conversion to a head that needs no torch, and back."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.models.heads.layered import Layer, LayeredHead
from transferium.models.heads.linear import Head

FLOOR = 0.1
"""Where spreads are compared, each counts as at least this share of the source's root mean square spread."""


class Standardised(nn.Module):
    """``(x - mean) / scale · gain + shift`` per feature; ``mean`` and ``scale`` are fixed, measured on given rows.

    ``gain`` and ``shift`` start at 1 and 0 and stay there unless they are made trainable.
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
    """The head on raw features that equals ``last(encoder(x))``.

    ``encoder`` is made by :func:`bottleneck` or :func:`unfold`: ``Standardised``, then affine layers. Each that a
    rectifier follows is a hidden layer; any other goes into the layer after it.
    """
    norm = encoder[0]
    assert isinstance(norm, Standardised)
    ratio = _array(norm.gain) / _array(norm.scale)
    offset = _array(norm.shift) - _array(norm.mean) * ratio
    hidden: list[Layer] = []
    below: Layer | None = (ratio, offset)
    for layer, above in pairwise([*list(encoder)[1:], last, nn.Identity()]):
        if not isinstance(layer, nn.Linear):
            continue
        weight, bias = _array(layer.weight), _array(layer.bias)
        if below is not None:
            scale, move = below
            weight, bias = weight * scale if scale.ndim == 1 else weight @ scale, bias + weight @ move
        below = (weight, bias)
        if isinstance(above, nn.ReLU):
            hidden.append(below)
            below = None
    assert below is not None
    return LayeredHead(*below, temperature, tuple(hidden)) if hidden else Head(*below, temperature)


def unfold(head: Head, rows: NDArray[np.floating]) -> tuple[nn.Sequential, nn.Linear]:
    """A network whose logits for raw features are those of ``head``: the encoder and the last layer of :func:`fold`.

    ``rows (n, width)`` are what ``Standardised`` measures, so that what is learned does not depend on the units of the
    features; the layer above undoes it. Hidden layers become the encoder; without any it is one affine layer that
    changes nothing yet, ``h = (x - mean) / scale``. The answers are equal to the precision of float32.

    >>> head = Head(np.array([[1.0, 2.0]]), np.array([3.0]))
    >>> encoder, last = unfold(head, np.array([[9.0, 1.0], [7.0, 5.0]]))
    >>> round(last(encoder(torch.tensor([[4.0, 5.0]]))).item(), 4)
    17.0
    """
    norm = Standardised(head.width)
    norm.measure(rows)
    mean, scale = _array(norm.mean), _array(norm.scale)
    layers = [*(head.hidden if isinstance(head, LayeredHead) else ()), (head.weight, head.bias)]
    weight, bias = layers[0]
    layers[0] = weight * scale, bias + weight @ mean
    *below, last = (_linear(*layer) for layer in layers)
    if not below:
        return nn.Sequential(norm, _linear(np.eye(head.width), np.zeros(head.width))), last
    return nn.Sequential(norm, *chain.from_iterable((layer, nn.ReLU()) for layer in below)), last


def _linear(weight: NDArray[np.float64], bias: NDArray[np.float64]) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().double().numpy())
