"""Batch spectral shrinkage: the directions that hardly matter are given up (BSS's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError


def bss(features: Tensor, smallest: int = 1) -> Tensor:
    """``Σ_{i <= smallest} σ_{-i}(F)²``: the smallest squared singular values of a batch ``(n, width)``; a scalar >= 0.

    Not centred, as in the paper. Directions of small singular values are those that transfer worst; shrinking them
    keeps fine-tuning from fitting its few labels with them. Computed in float32 or better.
    Raises ``InputError`` when the batch has fewer than ``smallest`` singular values.
    Chen et al., Catastrophic forgetting meets negative transfer: batch spectral shrinkage for safe transfer learning,
    NeurIPS 2019.

    >>> round(bss(torch.diag(torch.tensor([3.0, 1.0, 2.0])), 2).item(), 4)
    5.0
    """
    most = min(features.shape)
    if not 1 <= smallest <= most:
        raise InputError(f"smallest={smallest} must be from 1 to {most} for a batch of {tuple(features.shape)}")
    full = features if features.dtype in (torch.float32, torch.float64) else features.float()
    values: Tensor = torch.linalg.svdvals(full)
    return values[-smallest:].square().sum()
