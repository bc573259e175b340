"""Entropy of predictions, and the weights that trust confident rows more (the E of CDAN+E)."""

from __future__ import annotations

import math

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


def marginal_entropy(logits: Tensor) -> Tensor:
    """The entropy of the mean prediction, ``H(1/n Σ_i softmax(logits_i))`` in nats; a scalar in [0, log classes].

    >>> import torch
    >>> round(marginal_entropy(100.0 * torch.eye(2)).item(), 4)
    0.6931
    """
    mean = logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))
    return -(mean.exp() * mean).sum()


def information_maximisation(logits: Tensor, *, diversity: float = 1.0) -> Tensor:
    """``mean_i H(p_i) - diversity · H(mean p)`` for target logits ``(n, classes)``, to be minimised.

    With ``diversity`` 1 it is minus the mutual information of input and prediction, in [-log classes, 0]; with 0 it is
    entropy minimisation, which a constant prediction also minimises. It asks for equal class shares: prefer ``mcc`` or
    a smaller ``diversity`` where the target's classes are known to be unequal.
    Krause et al., Discriminative clustering by regularized information maximization, NeurIPS 2010; Liang et al., Do we
    really need to access the source data? (SHOT), ICML 2020.

    >>> import torch
    >>> round(information_maximisation(100.0 * torch.eye(2)).item(), 4)
    -0.6931
    """
    return entropy(logits).mean() - diversity * marginal_entropy(logits)
