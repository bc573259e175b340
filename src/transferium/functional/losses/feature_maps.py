"""The distance of feature maps from their initial values, channel by channel (DELTA's term)."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError


def channel_axis(maps: Tensor) -> int:
    """Where a layer's output holds its channels.

    Rows are ``(n, c)``, tokens ``(n, t, c)``, images ``(n, c, h, w)``, or ``(n, h, w, c)`` where only that order makes
    the picture a square.

    >>> channel_axis(torch.zeros(2, 5, 7, 7)), channel_axis(torch.zeros(2, 7, 7, 5)), channel_axis(torch.zeros(2, 9, 5))
    (1, 3, 2)
    """
    if maps.ndim == 3:
        return 2
    return 3 if maps.ndim == 4 and maps.shape[1] == maps.shape[2] != maps.shape[3] else 1


def by_channel(maps: Tensor) -> Tensor:
    """Any layer's output as ``(n, channels, positions)``.

    >>> by_channel(torch.zeros(2, 7, 7, 5)).shape, by_channel(torch.zeros(2, 5)).shape
    (torch.Size([2, 5, 49]), torch.Size([2, 5, 1]))
    """
    front = maps.movedim(channel_axis(maps), 1)
    return front[:, :, None] if front.ndim == 2 else front.flatten(2)


def feature_map_gap(
    moved: Tensor, start: Tensor, attention: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """``1/2 mean_i Σ_j c W_j mean_p (moved_ijp - start_ijp)²`` over ``c`` channels ``j`` and positions ``p``.

    ``attention (c,)`` holds the weights ``W``, which sum to 1; None is ``1/c`` each. ``mask (n, positions)`` says which
    positions count (a text's tokens, not its padding). No gradient reaches ``start``. A scalar >= 0.
    Raises ``InputError`` when the shapes differ or there is not one weight for each channel.
    Li et al., DELTA: deep learning transfer using feature map with attention for convolutional networks, ICLR 2019.

    >>> feature_map_gap(torch.ones(4, 3), torch.zeros(4, 3)).item()
    1.5
    """
    if moved.shape != start.shape:
        raise InputError(f"feature maps must have one shape; found {tuple(moved.shape)} and {tuple(start.shape)}")
    squares = (by_channel(moved).float() - by_channel(start.detach()).float()).square()
    each = squares.mean(2) if mask is None else _mean_where(squares, mask)
    channels = each.shape[1]
    if attention is not None and attention.shape != (channels,):
        raise InputError(f"attention must hold {channels} numbers, one a channel; found {tuple(attention.shape)}")
    weighted = each.sum(1) if attention is None else channels * (each * attention).sum(1)
    return 0.5 * weighted.mean()


def _mean_where(squares: Tensor, mask: Tensor) -> Tensor:
    counts = mask.to(squares.dtype)[:, None, :]
    return (squares * counts).sum(2) / counts.sum(2).clamp_min(1)


def attention_from(rises: Tensor, sharpness: float = 5.0) -> Tensor:
    """Channel weights from the rise in loss when each is switched off: ``softmax(standardised rise / sharpness)``.

    Standardised over the channels and divided by 5, as the authors' program does, so that the weights do not depend on
    the size of the loss. Equal rises give equal weights.

    >>> attention_from(torch.tensor([1.0, 1.0, 1.0, 1.0])).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    spread = rises.std(unbiased=False)
    scaled = (rises - rises.mean()) / spread if spread > 0 else torch.zeros_like(rises)
    return torch.softmax(scaled / sharpness, 0)
