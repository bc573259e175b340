"""Weighed counts of known n-grams (TF-IDF) as a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeighedCounts(nn.Module):
    """``(1 + ln count) · weight`` of each n-gram, scaled to length 1.

    ``int64 ids (n, t)``, each the place of an n-gram, counted from 1, or 0 for none, to ``(n, width)``. ``weights`` are
    the inverse document frequencies, which training may change.

    >>> ids = torch.tensor([[0, 1, 2, 2]])
    >>> WeighedCounts(torch.tensor([3.0, 1.0, 1.0]))(ids).detach().numpy().round(2)
    array([[0.87, 0.49, 0.  ]], dtype=float32)
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights.clone())

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            ids = ids * (mask > 0)
        there = (ids > 0).to(self.weights.dtype)
        counts = torch.zeros(ids.shape[0], len(self.weights) + 1, dtype=there.dtype, device=ids.device)
        counts = counts.scatter_add(1, ids, there)[:, 1:]
        damped = torch.where(counts > 0, 1 + counts.clamp_min(1).log(), 0.0) * self.weights
        return damped / (damped * damped).sum(1, keepdim=True).clamp_min(1e-24).sqrt()
