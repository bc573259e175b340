"""Rotation, shift, zoom and shear in one resampling."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

WARPS = ("rotate", "shear", "shift", "zoom")


class Warp(nn.Module):
    """``out(p) = in(A⁻¹ p)`` with one random affine map ``A`` about the centre, bilinear, borders repeated.

    ``rotate`` and ``shear`` are degrees to either side, ``shift`` a share of the output's side in each direction, and
    ``zoom`` the share by which the picture grows or shrinks. It takes ``uint8 (3, h, w)`` and gives the centre
    ``(3, size, size)``, or with ``squash`` the whole picture in that square.
    torchvision's ``RandomAffine`` fills what comes into view with one colour; the classic Keras recipe repeats the
    border, as here, and only the pixels that are kept are computed.
    """

    def __init__(self, size: int, amounts: Mapping[str, float], *, squash: bool = False) -> None:
        super().__init__()
        self.size, self.squash = size, squash
        rotate, shear, shift, zoom = (amounts.get(name, 0.0) for name in WARPS)
        self.most = torch.tensor([math.radians(rotate), math.radians(shear), shift, shift, zoom])

    def forward(self, image: Tensor) -> Tensor:
        turn, shear, right, down, zoom = ((2 * torch.rand(5) - 1) * self.most).tolist()
        height, width = image.shape[1:]
        # Grid coordinates run from -1 to 1 over the input; the output covers size / side of them.
        across, over = (1.0, 1.0) if self.squash else (self.size / width, self.size / height)
        cos, sin, slant, by = math.cos(turn), math.sin(turn), math.tan(shear), 1 / (1 + zoom)
        rows = [[cos, sin + slant * cos, -2 * right], [-sin, cos - slant * sin, -2 * down]]
        scale = torch.tensor([[across], [over]]) * torch.tensor([[by, by, 1.0]])
        grid = affine_grid((torch.tensor(rows) * scale)[None], [1, 3, self.size, self.size], align_corners=False)
        warped = grid_sample(image[None].float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
        return warped[0].round_().to(torch.uint8)
