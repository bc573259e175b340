"""Several heads that read the same features: their scores side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HeadsSideBySide(nn.ModuleList):
    """``(n, width)`` to ``(n, Σ outputs)``: the columns of the first head, then those of the second, and so on.

    >>> HeadsSideBySide([nn.Linear(4, 2), nn.Linear(4, 3)])(torch.zeros(5, 4)).shape
    torch.Size([5, 5])
    """

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([head(features) for head in self], dim=1)
