"""Margin disparity discrepancy: how far an adversarial head can disagree on the target only (MDD's term)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def margin_disparity(
    source: Tensor, source_adversary: Tensor, target: Tensor, target_adversary: Tensor, *, margin: float = 4.0
) -> Tensor:
    """``margin · E_s log σ_{h(x)}(f'(x)) + E_t log(1 - σ_{h(x)}(f'(x)))``, a scalar <= 0.

    All four are logits ``(n, classes)``: ``source`` and ``target`` from the main head, whose argmax ``h(x)`` acts as
    the label without gradient, the others from the adversary ``f'``. The adversary maximises it (agree on the source,
    disagree on the target), the features minimise it; put gradient reversal before the adversary and minimise its
    negative. ``log(1 - σ)`` is computed without cancellation. ``margin`` is the paper's γ = exp ρ, in [1, 6].
    Prefer ``classifier_discrepancy`` with very few classes, ``mcc`` when adversarial training is unstable.
    Zhang et al., Bridging theory and algorithm for domain adaptation, ICML 2019.

    >>> even = torch.zeros(2, 2)
    >>> round(margin_disparity(even, even, even, even, margin=1.0).item(), 4)
    -1.3863
    """
    agree = -cross_entropy(source_adversary, source.detach().argmax(-1))
    disagree = _log_one_minus(target_adversary, target.detach().argmax(-1)).mean()
    return margin * agree + disagree


def _log_one_minus(logits: Tensor, labels: Tensor) -> Tensor:
    """``log(1 - softmax(logits)[label])``: the log-sum-exp of all other classes over that of all."""
    chosen = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, labels[:, None], True)
    return logits.masked_fill(chosen, float("-inf")).logsumexp(-1) - logits.logsumexp(-1)


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
