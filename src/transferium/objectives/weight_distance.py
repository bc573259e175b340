"""Terms on the weights: their distance from where they start, and their size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class L2SP(Objective):
    """``1/2 * sum_i (w_i - w0_i)^2`` over the parameters of ``module`` that move, ``w0`` being where they start.

    Weight it against the task: ``Supervised() + 0.01 * L2SP(model.backbone)``. Prefer it to plain weight decay, which
    pulls towards zero and so away from what was pretrained, when there are few labels; too strong a weight is a probe.
    Raises ``InputError`` where nothing moves.
    Li, Grandvalet & Davoine, "Explicit inductive bias for transfer learning with convolutional networks" (2018).
    """

    def __init__(self, module: nn.Module, *, name: str = "l2_sp") -> None:
        super().__init__()
        self.name = name
        # A plain tuple: the parameters are looked at, not owned. Checkpoints keep the buffers: where they started.
        self.moving = tuple(p for p in module.parameters() if p.requires_grad)
        if not self.moving:
            raise InputError(
                f"L2-SP holds moving parameters near their start, and no parameter of this {type(module).__name__} "
                "moves: unfreeze a block of it, as unfreeze=1 or unfreeze=all does, or leave the term out."
            )
        for i, parameter in enumerate(self.moving):
            self.register_buffer(f"start{i}", parameter.detach().clone())

    def extra_repr(self) -> str:
        return f"{len(self.moving)} parameters, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        gaps = [(p - self.get_buffer(f"start{i}")).square().sum() for i, p in enumerate(self.moving)]
        return {self.name: 0.5 * torch.stack(gaps).sum()}


class L2(Objective):
    """``1/2 * sum_i w_i^2`` over the weights of ``module`` that move; biases and norms are left out.

    Unlike AdamW's weight decay it is a term of the loss: its gradient goes through the optimiser's scaling and the
    clipping, as in the papers that compare with it. Prefer it for new layers, which have no starting point worth
    keeping, and ``L2SP`` for pretrained ones. Raises ``InputError`` where no weight moves.
    """

    def __init__(self, module: nn.Module, *, name: str = "l2") -> None:
        super().__init__()
        self.name = name
        # A plain tuple: the parameters are looked at, not owned.
        self.moving = tuple(p for p in module.parameters() if p.requires_grad and p.ndim > 1)
        if not self.moving:
            raise InputError(
                f"L2 shrinks moving weights, and no weight matrix of this {type(module).__name__} moves: unfreeze a "
                "block of it, or leave the term out."
            )

    def extra_repr(self) -> str:
        return f"{len(self.moving)} parameters, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: 0.5 * torch.stack([p.square().sum() for p in self.moving]).sum()}
