"""The network of a detector behind a frozen trunk: a pyramid of two levels and a head that all places share (FCOS)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, FeaturePyramidNetwork

from transferium.models.detection.over_levels import unfolded

GROUPS = 16
"""Groups of channels that are normalised together."""
RARE = 0.01
"""How sure an untrained head is of every class at every place (Lin et al. 2017)."""


class DetectionNetwork(nn.Module):
    """Rows ``(n, places, coarse + 4 · fine)`` of ``OverLevels`` to ``(n, 5 · places, classes + 5)``.

    Of each place there are a score for each class, one for how central it lies in its box, and the logarithms of how
    far the sides of the box are from it (left, top, right, bottom), in strides of its level. The places of the finer
    level come first, in reading order. Tian et al., "FCOS: fully convolutional one-stage object detection" (2019);
    Lin et al., "Feature pyramid networks for object detection" (2017).
    """

    def __init__(self, coarse: int, fine: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.coarse, self.classes = coarse, classes
        self.register_buffer("middle", torch.zeros(coarse + 4 * fine))
        self.register_buffer("spread", torch.ones(coarse + 4 * fine))
        self.register_buffer("groups", torch.tensor(GROUPS))
        self.pyramid = FeaturePyramidNetwork([fine, coarse], width)
        self.class_tower, self.box_tower = (_tower(width, depth) for _ in range(2))
        self.class_scores = nn.Conv2d(width, classes, 3, padding=1)
        self.central = nn.Conv2d(width, 1, 3, padding=1)
        self.sides = nn.Conv2d(width, 4, 3, padding=1)
        self.scales = nn.Parameter(torch.zeros(2))
        for layer in (self.class_scores, self.central, self.sides):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        assert self.class_scores.bias is not None
        nn.init.constant_(self.class_scores.bias, -torch.tensor((1 - RARE) / RARE).log().item())

    def look(self, rows: Tensor) -> None:
        """Know the mean and spread of each feature of ``rows (n, places, width)``."""
        spread, middle = torch.std_mean(rows.flatten(0, 1).float(), dim=0)
        self.middle, self.spread = middle, spread.clamp_min(1e-6)

    def forward(self, rows: Tensor) -> Tensor:
        rows = (rows - self.middle) / self.spread
        coarse, fine = unfolded(rows, self.coarse)
        levels = self.pyramid(OrderedDict(fine=fine, coarse=coarse)).values()
        return torch.cat([self._answers(level, scale) for level, scale in zip(levels, self.scales, strict=True)], dim=1)

    def _answers(self, level: Tensor, scale: Tensor) -> Tensor:
        named, placed = self.class_tower(level), self.box_tower(level)
        sides = self.sides(placed) + scale
        return torch.cat([self.class_scores(named), self.central(placed), sides], dim=1).flatten(2).transpose(1, 2)


def _tower(width: int, depth: int) -> nn.Sequential:
    layers = (
        Conv2dNormActivation(width, width, 3, norm_layer=lambda channels: nn.GroupNorm(GROUPS, channels))
        for _ in range(depth)
    )
    return nn.Sequential(*layers)
