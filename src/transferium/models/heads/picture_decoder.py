"""A head that draws: features to a picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class PictureDecoder(nn.Module):
    """``(n, width)`` -> ``(n, 3, side, side)``: a small map, doubled and convolved until it is at least ``side`` wide.

    >>> import torch
    >>> PictureDecoder(16, 28)(torch.zeros(2, 16)).shape
    torch.Size([2, 3, 28, 28])
    """

    def __init__(self, width: int, side: int, maps: int = 32) -> None:
        super().__init__()
        doublings = max(0, (side - 1).bit_length() - 3)
        self.side, self.maps, self.start = side, maps, -(-side // 2**doublings)
        self.first = nn.Linear(width, maps * self.start**2)
        layers: list[Any] = []
        for i in range(doublings):
            given, made = max(16, maps >> i), max(16, maps >> (i + 1))
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(given, made, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(max(16, maps >> doublings), 3, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        first = self.first(features).relu().view(-1, self.maps, self.start, self.start)
        drawn: Tensor = self.layers(first)[:, :, : self.side, : self.side]
        return drawn
