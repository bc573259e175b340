"""Entropy of predictions, and the weights that trust confident rows more (the E of CDAN+E)."""

from __future__ import annotations

from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """``H_i = -Σ_c p_ic log p_ic`` in nats for logits ``(n, classes)``: shape ``(n,)``, in [0, log classes].

    >>> import torch
    >>> round(entropy(torch.zeros(1, 4)).item(), 4)
    1.3863
    """
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs).sum(-1)


def entropy_weights(logits: Tensor) -> Tensor:
    """``w_i ∝ 1 + exp(-H_i)`` with mean 1, shape ``(n,)``, without gradient: confident rows count up to twice as much.

    Normalise each domain by itself, so that both keep an equal say in the critic.
    Long et al., Conditional adversarial domain adaptation, NeurIPS 2018, section 3.3.

    >>> import torch
    >>> entropy_weights(torch.zeros(3, 2)).tolist()
    [1.0, 1.0, 1.0]
    """
    weights = 1 + (-entropy(logits.detach())).exp()
    return weights / weights.mean()
