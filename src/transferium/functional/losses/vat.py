"""Virtual adversarial training: predictions should not change within a small ball (VADA's smoothness term)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def divergence(clean: Tensor, moved: Tensor) -> Tensor:
    """``mean_i KL(softmax(clean_i) || softmax(moved_i))`` in nats for logits ``(n, classes)``; >= 0.

    >>> divergence(torch.ones(2, 3), torch.ones(2, 3)).item()
    0.0
    """
    logs = clean.log_softmax(-1)
    return (logs.exp() * (logs - moved.log_softmax(-1))).sum(-1).mean()


def adversarial_direction(
    predict: Callable[[Tensor], Tensor],
    inputs: Tensor,
    clean: Tensor,
    *,
    steps: int = 1,
    probe: float = 1e-2,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The unit direction per row in which predictions change most, by power iteration; the shape of ``inputs``.

    From a random unit ``d``, ``steps`` times ``d <- unit(∇_d KL(p(x) || p(x + probe · d)))``: this converges to the top
    eigenvector of the KL's Hessian at ``x``. ``predict`` gives logits ``(n, classes)`` and ``clean`` is its answer at
    ``inputs``. A row in which the predictions do not react keeps its random direction. Only gradients with respect to
    ``d`` are taken, so nothing is accumulated in the model's parameters; a model with batch-norm should be given a
    ``predict`` that leaves the running statistics alone. ``generator`` must live where ``inputs`` do.

    Miyato et al., Virtual adversarial training, TPAMI 2018, algorithm 1.

    >>> d = adversarial_direction(lambda x: x, x := torch.zeros(5, 2), x, steps=3)
    >>> torch.allclose(d[:, 0], -d[:, 1], atol=1e-2)
    True
    """
    clean = clean.detach()
    direction = _unit(torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype))
    for _ in range(steps):
        trial = direction.requires_grad_()
        with torch.enable_grad():
            change = divergence(clean, predict(inputs.detach() + probe * trial)) * len(inputs)
        (gradient,) = torch.autograd.grad(change, trial)
        norms = gradient.flatten(1).norm(dim=1)
        direction = torch.where(_like(norms > 0, gradient), _unit(gradient), direction.detach())
    return direction.detach()


def vat(
    predict: Callable[[Tensor], Tensor],
    inputs: Tensor,
    *,
    radius: float,
    steps: int = 1,
    probe: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """``mean_i KL(stop(p(x_i)) || p(x_i + radius · d_i))`` along the adversarial direction; a scalar >= 0.

    ``radius`` is a Euclidean norm in the units of ``inputs`` (which may be features of a frozen backbone); 0 gives 0.
    The direction is found by steps of ``probe`` in the same units (None: a tenth of ``radius``).
    It holds the decision boundary away from the data: add it with an entropy term (VADA), never instead of one.
    Prefer consistency under real augmentations where there are good ones.
    Shu et al., A DIRT-T approach to unsupervised domain adaptation, ICLR 2018.

    >>> vat(lambda x: x, torch.zeros(2, 3), radius=0.0).item()
    0.0
    """
    with torch.no_grad():
        clean = predict(inputs)
    step = radius / 10 if probe is None else probe
    direction = adversarial_direction(predict, inputs, clean, steps=steps, probe=step, generator=generator)
    return divergence(clean, predict(inputs + radius * direction))


def _like(rows: Tensor, x: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (x.ndim - 1))


def _unit(x: Tensor) -> Tensor:
    norms = x.flatten(1).norm(dim=1).clamp_min(torch.finfo(x.dtype).tiny)
    return x / _like(norms, x)
