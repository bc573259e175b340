"""Classifier discrepancy: where two heads disagree, the target is not covered by the source (MCD's term)."""

from __future__ import annotations

from torch import Tensor


def classifier_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """``mean_{i, c} |softmax(first)_ic - softmax(second)_ic|`` for logits ``(n, classes)``; in [0, 2/classes].

    The two heads maximise it on target rows while staying right on the source, the features minimise it.
    Prefer ``margin_disparity`` with many classes, where the mean over classes makes this term faint.
    Saito et al., Maximum classifier discrepancy for unsupervised domain adaptation, CVPR 2018, equation 2.

    >>> import torch
    >>> classifier_discrepancy(torch.tensor([[99.0, -99.0]]), torch.tensor([[-99.0, 99.0]])).item()
    1.0
    """
    return (first.softmax(-1) - second.softmax(-1)).abs().mean()
