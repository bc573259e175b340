"""A network for pictures that hears: its last feature map averaged over time alone, so that pitch is kept."""

from __future__ import annotations

from torch import Tensor, nn


class OverTime(nn.Module):
    """``(n, 3, bands, frames)`` to features ``(n, channels · rows)``.

    ``body.forward_features`` gives the last map, ``(n, channels, rows, columns)``. The mean over all of it, as for
    photographs, would forget how high a sound is.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, pictures: Tensor) -> Tensor:
        last: Tensor = self.body.forward_features(pictures)  # type: ignore[operator]  # of timm's networks
        return last.mean(dim=3).flatten(1)
