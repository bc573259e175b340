"""The model: a backbone that makes features, and a head that reads them; and modules in a row."""

from __future__ import annotations

from torch import Tensor, nn


class Model(nn.Module):
    """A backbone and a head as one module: ``head(backbone(*inputs))``.

    ``inputs`` is what one preprocessed batch holds: ``(images,)`` with ``float32 (n, 3, h, w)``, ``(ids, mask)`` with
    ``int64 (n, t)`` each, or ``(features,)`` with ``float32 (n, width)``.

    >>> import torch
    >>> Model(nn.Identity(), nn.Linear(4, 2))(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def features(self, *inputs: Tensor) -> Tensor:
        """What the head reads: ``(n, width)``."""
        features: Tensor = self.backbone(*inputs)
        return features

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(*inputs))
        return logits


class Chain(nn.Sequential):
    """Modules in a row, of which the first takes all inputs: ``h(g(f(*inputs)))``. Those of a text are ids and mask.

    >>> import torch
    >>> Chain(nn.Bilinear(2, 3, 4), nn.Linear(4, 1))(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 1])
    """

    def forward(self, *inputs: Tensor) -> Tensor:
        first, *others = self
        features: Tensor = first(*inputs)
        for module in others:
            features = module(features)
        return features
