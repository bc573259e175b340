"""Batch spectral penalisation: no direction of the features may dominate (BSP's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import at_least_single, check_widths


def bsp(source: Tensor, target: Tensor, largest: int = 1) -> Tensor:
    """``Σ_{i <= largest} σ_i(S)² + σ_i(T)²``: the largest squared singular values of each batch; a scalar >= 0.

    Batches are ``(n, width)`` and ``(m, width)``, not centred, as in the paper. Adversarial training sharpens the top
    directions at the cost of the others, which carry the classes; this holds them back. Not a method by itself: add it
    with a small weight (the paper's is 1e-4) to an adversarial term. Computed in float32 or better.
    Raises ``InputError`` when a batch has fewer than ``largest`` singular values.
    Chen et al., Transferability vs. discriminability: batch spectral penalization, ICML 2019.

    >>> round(bsp(torch.diag(torch.tensor([3.0, 1.0])), torch.diag(torch.tensor([1.0, 2.0]))).item(), 4)
    13.0
    """
    check_widths(source, target)
    spectra = [torch.linalg.svdvals(at_least_single(x)) for x in (source, target)]
    if not 1 <= largest <= min(len(s) for s in spectra):
        raise InputError(f"largest={largest} must be from 1 to {min(len(s) for s in spectra)} for these batches")
    return torch.stack([s[:largest].square().sum() for s in spectra]).sum()
