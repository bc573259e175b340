"""Gradient reversal, and the schedule that lets it grow (DANN's)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradients[0], None


def reverse_gradient(x: Tensor, scale: float = 1.0) -> Tensor:
    """``x`` itself on the way forward; the gradient times ``-scale`` on the way back. Any shape.

    With ``scale`` 0 nothing behind it learns from what is ahead of it.
    Ganin & Lempitsky, Unsupervised domain adaptation by backpropagation, ICML 2015.

    >>> x = torch.ones(2, requires_grad=True)
    >>> reverse_gradient(x, 0.5).sum().backward()
    >>> x.grad.tolist()
    [-0.5, -0.5]
    """
    out: Tensor = _Reverse.apply(x, scale)
    return out


def ramp(progress: float, steepness: float = 10.0) -> float:
    """DANN's schedule ``2 / (1 + exp(-steepness · progress)) - 1``: from 0 at the start to about 1 at the end.

    ``progress`` is the share of training done, in [0, 1]. Ganin et al., JMLR 2016, section 5.2.2.

    >>> ramp(0.0), round(ramp(1.0), 4)
    (0.0, 0.9999)
    """
    return 2.0 / (1.0 + math.exp(-steepness * progress)) - 1.0
