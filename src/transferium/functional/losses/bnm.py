"""Batch nuclear-norm maximisation: confident and diverse predictions in one number (BNM's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.functional.losses.kernels import at_least_single


def bnm(logits: Tensor) -> Tensor:
    """``-||softmax(logits)||_* / n`` for target logits ``(n, classes)``, to be minimised.

    The nuclear norm is an upper envelope of the Frobenius norm (confidence) that also grows with rank (diversity).
    Range: from ``-sqrt(min(n, classes) / n)`` (one-hot, all classes equally often) up to ``-1/sqrt(n · classes)``
    (uniform). Batches should hold more rows than classes. Prefer ``information_maximisation`` for very many classes,
    where the SVD of every batch costs most. Computed in float32 or better.
    Cui et al., Towards discriminability and diversity: batch nuclear-norm maximization, CVPR 2020.

    >>> round(bnm(100.0 * torch.eye(4)).item(), 6)
    -1.0
    """
    norm: Tensor = torch.linalg.matrix_norm(at_least_single(logits).softmax(-1), ord="nuc")
    return -norm / len(logits)
