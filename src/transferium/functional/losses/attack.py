"""The worst small change of an input: signed-gradient steps in a box, one gradient step in a ball."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


def worst_in_box(
    loss: Loss,
    x: Tensor,
    radius: Tensor,
    *,
    steps: int = 1,
    low: Tensor | None = None,
    high: Tensor | None = None,
    random_start: bool = False,
) -> Tensor:
    """``δ`` with ``|δ| <= radius`` and ``low <= x + δ <= high`` that raises ``loss(δ)``; the shape of ``x``.

    One step: ``δ = radius · sign(∇loss)`` (FGSM). Several: ``δ <- clip(δ + 2.5/steps · radius · sign(∇loss))`` (PGD),
    from a uniform draw in the box with ``random_start``. ``radius``, ``low`` and ``high`` broadcast against ``x``.
    Goodfellow et al., "Explaining and harnessing adversarial examples" (2015); Madry et al., "Towards deep learning
    models resistant to adversarial attacks" (2018).

    >>> worst_in_box(lambda d: (d * torch.tensor([[1.0, -2.0]])).sum(), torch.zeros(1, 2), torch.tensor(0.5))
    tensor([[ 0.5000, -0.5000]])
    """
    inside = x.detach()
    delta = (2 * torch.rand_like(inside) - 1) * radius if random_start else torch.zeros_like(inside)
    stride = radius if steps == 1 else 2.5 / steps * radius
    for _ in range(steps):
        moved = delta + stride * _gradient(loss, delta).sign()
        moved = torch.maximum(torch.minimum(moved, radius), -radius)
        delta = torch.clamp(inside + moved, low, high) - inside if low is not None else moved
    return delta


def worst_in_ball(loss: Loss, like: Tensor, radius: Tensor) -> Tensor:
    """``δ_i = radius_i · g_i / ||g_i||``, ``g`` being the gradient of ``loss(δ)`` at 0; rows that do not react stay.

    ``like (n, …)`` gives the shape, ``radius (n,)`` the length of each row's step, over all its numbers (FGM).
    Miyato et al., "Adversarial training methods for semi-supervised text classification" (2017).

    >>> worst_in_ball(lambda d: (d * torch.tensor([[3.0, 4.0]])).sum(), torch.zeros(1, 2), torch.ones(1))
    tensor([[0.6000, 0.8000]])
    """
    gradient = _gradient(loss, torch.zeros_like(like))
    return rows(radius, like) * unit(gradient)


def unit(x: Tensor) -> Tensor:
    """Each row at length 1 over all its numbers; a row of zeros stays."""
    lengths = x.flatten(1).norm(dim=1)
    return x / rows(lengths.clamp_min(torch.finfo(x.dtype).tiny), x)


def rows(numbers: Tensor, like: Tensor) -> Tensor:
    """One number a row, ready to broadcast against ``like (n, …)``."""
    return numbers.view(-1, *[1] * (like.ndim - 1))


def _gradient(loss: Loss, delta: Tensor) -> Tensor:
    """The gradient of the loss with respect to the change alone; no gradient of a model's parameters is changed."""
    trial = delta.detach().requires_grad_()
    with torch.enable_grad():
        value = loss(trial)
    (gradient,) = torch.autograd.grad(value, trial)
    return gradient.detach()
