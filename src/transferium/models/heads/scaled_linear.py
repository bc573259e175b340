"""A linear layer on centred and scaled features, so that one learning rate suits every backbone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class ScaledLinear(nn.Module):
    """``W (x - mean) / scale + b``, where ``mean`` and ``scale`` are fixed by :meth:`look` at some features.

    Backbones differ in the size of their features by orders of magnitude (a sentence encoder's have length 1), and a
    step of a given rate then moves the logits by as much. Here coordinates are centred and divided by one number, so
    that they are about 1. It is still a linear layer: :meth:`folded` gives it in units of ``x``.

    >>> head = ScaledLinear(4, 2)
    >>> x = torch.arange(12.0).reshape(3, 4)
    >>> head.look(x.numpy())
    >>> weight, bias = head.folded()
    >>> torch.allclose(head(x), (x.double() @ torch.from_numpy(weight).T + torch.from_numpy(bias)).float(), atol=1e-5)
    True
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear((x - self.mean) / self.scale)
        return logits

    def look(self, features: NDArray[np.floating]) -> None:
        """Fix mean and scale: the mean of ``features (n, width)``, and the root mean square of what is left."""
        mean = features.mean(axis=0, dtype=np.float64)
        scale = float(np.sqrt(np.mean((features - mean) ** 2)))
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.fill_(scale if scale > 0 else 1.0)

    def folded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight ``(classes, width)`` and bias ``(classes,)`` of the same layer on ``x`` itself."""
        weight, bias, mean, scale = (
            t.detach().cpu().double().numpy() for t in (self.linear.weight, self.linear.bias, self.mean, self.scale)
        )
        weight = weight / scale
        return weight, bias - weight @ mean

    def take(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        """Set this layer to the given weight and bias on ``x``."""
        mean, scale = self.mean.double().cpu().numpy(), float(self.scale)
        state = {"weight": torch.from_numpy(weight * scale), "bias": torch.from_numpy(bias + weight @ mean)}
        self.linear.load_state_dict(state)
