"""Minimum class confusion: classes should not be predicted together (MCC's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.functional.losses.entropy import entropy_weights
from transferium.functional.losses.kernels import at_least_single


def mcc(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """The mean share of class confusion that lies off the diagonal, for target logits ``(n, classes)``.

    ``P = softmax(logits / temperature)``; ``C = Pᵀ diag(w) P`` with the entropy weights ``w`` (mean 1, no gradient);
    rows of ``C`` are divided by their sums; the term is ``1/classes · Σ_{c ≠ c'} C[c, c']``, in [0, 1 - 1/classes].
    Needs no source rows and no critic. Collapse onto one class does not minimise it: the rows of absent classes are
    then all confusion. Prefer an adversarial term when predictions start near chance.
    Jin et al., Minimum class confusion for versatile domain adaptation, ECCV 2020.

    >>> import torch
    >>> round(mcc(torch.zeros(5, 4)).item(), 6)
    0.75
    >>> mcc(1000.0 * torch.eye(4)).item()
    0.0
    """
    scaled = logits / temperature
    probabilities = scaled.softmax(-1)
    confusion = (probabilities * entropy_weights(scaled)[:, None]).T @ probabilities
    tiny = 1e-30 if confusion.dtype.itemsize > 2 else 1e-7
    rows = confusion / confusion.sum(1, keepdim=True).clamp_min(tiny)
    return (rows.sum() - rows.diagonal().sum()) / logits.shape[1]


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
