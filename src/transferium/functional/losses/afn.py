"""Adaptive feature norm: larger, equal feature norms transfer better (AFN's terms)."""

from __future__ import annotations

import torch
from torch import Tensor


def afn_stepwise(features: Tensor, step: float = 1.0) -> Tensor:
    """``mean_i (||f_i|| - (stop(||f_i||) + step))²``: each norm is asked to grow by ``step``.

    ``features`` is ``(n, width)``, from either domain. The *value* is always ``step²``; only the gradient,
    ``-2 step/n`` along each ``f_i/||f_i||``, means anything, so do not watch this term for convergence.
    Apply it to both domains.
    Xu et al., Larger norm more transferable, ICCV 2019 (SAFN).

    >>> afn_stepwise(torch.tensor([[3.0, 4.0]]), step=2.0).item()
    4.0
    """
    norms: Tensor = torch.linalg.vector_norm(features, dim=1)
    return (norms - (norms.detach() + step)).square().mean()
