"""The model: a backbone that makes features, and a head that reads them."""

from __future__ import annotations

from torch import Tensor, nn


class Model(nn.Module):
    """A backbone and a head as one module: ``head(backbone(*inputs))``.

    ``inputs`` is what one preprocessed batch holds: ``(images,)`` with ``float32 (n, 3, h, w)``, ``(ids, mask)`` with
    ``int64 (n, t)`` each, or ``(features,)`` with ``float32 (n, width)``.

    >>> import torch
    >>> Model(nn.Identity(), nn.Linear(4, 2))(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(*inputs))
        return logits
