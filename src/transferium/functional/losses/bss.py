"""Batch spectral shrinkage: a penalty on the smallest singular values of a batch (BSS's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.kernels import at_least_single, check_widths


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
