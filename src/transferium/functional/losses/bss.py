"""Batch spectral shrinkage: the directions that hardly matter are given up (BSS's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import at_least_single


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
    values: Tensor = torch.linalg.svdvals(at_least_single(features))
    return values[-smallest:].square().sum()
