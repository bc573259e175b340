"""A network for pictures that sees places: its last two feature maps, folded into one row for each place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class OverLevels(nn.Module):
    """``(n, 3, h, w)`` to ``(n, places, coarse + 4 · fine)``: the map at stride 32 and the finer one at stride 16.

    A row belongs to a place of the coarse map, in reading order: its features there, then those of its four quarters
    in the finer map (top left, top right, bottom left, bottom right). Nothing is lost by that: :func:`unfolded` gives
    both maps back. ``body.forward_intermediates`` gives the maps, as convolutional networks of timm do; ``channels``
    are those of the coarse and of the fine one. Sides are multiples of 32.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        fine, coarse = levels_of(body)[-2:]
        self.channels = int(coarse["num_chs"]), int(fine["num_chs"])

    def forward(self, pictures: Tensor) -> Tensor:
        look: Callable[..., list[Tensor]] = self.body.forward_intermediates  # type: ignore[assignment]  # of timm
        fine, coarse = look(pictures, indices=2, intermediates_only=True)
        quarters = [fine[:, :, down::2, across::2] for down in range(2) for across in range(2)]
        return torch.cat([coarse, *quarters], dim=1).flatten(2).transpose(1, 2)


def levels_of(body: nn.Module) -> list[dict[str, Any]]:
    """What timm says of the feature maps of a network: ``reduction`` and ``num_chs`` of each; none where nothing."""
    info = getattr(body, "feature_info", [])
    return list(getattr(info, "info", info))


def unfolded(rows: Tensor, coarse: int) -> tuple[Tensor, Tensor]:
    """The coarse map ``(n, coarse, side, side)`` and the fine one, of twice the side, that ``rows`` hold.

    >>> [tuple(level.shape) for level in unfolded(torch.zeros(1, 9, 5 + 4 * 2), 5)]
    [(1, 5, 3, 3), (1, 2, 6, 6)]
    """
    side = round(rows.shape[1] ** 0.5)
    maps = rows.transpose(1, 2).reshape(len(rows), -1, side, side)
    quarters = maps[:, coarse:].reshape(len(rows), 2, 2, -1, side, side).permute(0, 3, 4, 1, 5, 2)
    return maps[:, :coarse], quarters.reshape(len(rows), -1, 2 * side, 2 * side)
