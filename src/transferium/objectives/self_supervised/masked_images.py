"""Masked image modelling: patches that are hidden, and drawn from those around them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from transferium.objectives.self_supervised.base import SelfSupervised
from transferium.training.loop.view import View


def patches(x: Tensor, side: int) -> Tensor:
    """``(n, c, h, w)`` -> ``(n, h/side · w/side, c · side²)``, row by row.

    >>> patches(torch.zeros(2, 3, 8, 8), 4).shape
    torch.Size([2, 4, 48])
    """
    cut = x.unfold(2, side, side).unfold(3, side, side)
    return cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


class MaskedImages(SelfSupervised):
    """``mean ||x_p - x̂_p||²`` over the pixels of masked patches ``p``, in units of the batch's variance about its mean.

    ``round(ratio · patches)`` of each picture are replaced by a learned token, anew in every pass. The backbone reads
    pixels and ``bool (n, patches)`` and gives a row for each patch, of which the head makes its pixels. 1 is what
    drawing the mean picture costs. Xie et al., "SimMIM: a simple framework for masked image modeling" (2022).
    """

    terms: ClassVar[tuple[str, ...]] = ("mim",)

    def __init__(self, patch: int, ratio: float = 0.6, stream: str = "corpus") -> None:
        super().__init__(stream)
        self.patch, self.ratio = patch, ratio

    def extra_repr(self) -> str:
        return f"{self.stream!r}, patch={self.patch}, ratio={self.ratio}"

    def measures(self, view: View) -> dict[str, Tensor]:
        x = view.inputs(self.stream)[0]
        wanted = patches(x, self.patch)
        rank = torch.rand(wanted.shape[:2], device=x.device).argsort(1).argsort(1)
        hidden = rank < max(1, round(self.ratio * wanted.shape[1]))
        rows = view.seen_as(self.stream, (x, hidden)).features(self.stream)[hidden]
        drawn = view.model.head(rows).float()
        spread = (x - x.mean(0)).square().mean().clamp_min(1e-12)
        return {"mim": (drawn - wanted[hidden]).square().mean(1) / spread}
