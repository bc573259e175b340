"""A small untrained network for small pictures that differ too much from photographs for pretrained weights to help."""

from __future__ import annotations

from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Two convolutions of 5 x 5 with batch normalisation, each rectified and pooled: LeNet with 32 and 64 maps.

    ``float32 (n, 3, 28, 28)`` to ``(n, 1024)``. LeCun et al., Gradient-based learning applied to document recognition,
    Proceedings of the IEEE 1998.

    >>> import torch
    >>> SmallCNN()(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 1024])
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _maps(3, 32), _maps(32, 64)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.second(self.first(images)).flatten(1)
        return features


def _maps(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, 5, bias=False), nn.BatchNorm2d(made), nn.ReLU(), nn.MaxPool2d(2))
