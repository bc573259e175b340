"""Denoising auto-encoder: an encoder whose features are enough to draw the example without its noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from transferium.errors import InputError, did_you_mean
from transferium.objectives.self_supervised.base import SelfSupervised
from transferium.objectives.self_supervised.choices import NOISES
from transferium.training.loop.view import View


def corrupted(x: Tensor, noise: str, strength: float) -> Tensor:
    """Pictures ``(n, c, h, w)`` with noise from torch's global generator, or as they are at strength 0.

    ``gaussian`` adds ``strength`` times the batch's standard deviation; ``masking`` sets that share of the pixels to
    the batch's mean, ``salt-and-pepper`` to its least or greatest value; ``downsampling`` takes that share of the
    side away and draws the picture at its size again; ``warping`` turns, scales, shears and shifts: each number of the
    map from places to places (in half sides) is moved by up to half of ``strength``, and what comes from outside is
    what stands at the edge.
    """
    if noise not in NOISES:
        raise InputError(f"there is no noise {noise!r}. {did_you_mean(noise, NOISES)}")
    if strength == 0:
        return x
    if noise == "gaussian":
        return x + strength * x.std() * torch.randn_like(x)
    if noise == "downsampling":
        side = [max(1, round(n * (1 - strength))) for n in x.shape[-2:]]
        small = nn.functional.interpolate(x, side, mode="area")
        return nn.functional.interpolate(small, x.shape[-2:], mode="bilinear", align_corners=False)
    if noise == "warping":
        moved = strength * (torch.rand(len(x), 2, 3, device=x.device) - 0.5)
        places = nn.functional.affine_grid(torch.eye(2, 3, device=x.device) + moved, list(x.shape), align_corners=False)
        return nn.functional.grid_sample(x, places, padding_mode="border", align_corners=False)
    lot = torch.rand(len(x), 1, *x.shape[-2:], device=x.device)
    if noise == "masking":
        return torch.where(lot < strength, x.mean(), x)
    salted = torch.where(lot < strength / 2, x.max(), x)
    return torch.where(lot > 1 - strength / 2, x.min(), salted)


class DenoisingAutoEncoder(SelfSupervised):
    """``mean ||x - decoder(encoder(x with noise))||²``, by the number, in units of the batch's variance about its mean.

    1 is what drawing the mean picture costs, 0 is perfect. The decoder is the model's head: features ``(n, width)`` to
    ``x``. Vincent et al., "Extracting and composing robust features with denoising autoencoders" (2008).
    """

    terms = ("dae",)

    def __init__(self, noise: str = "gaussian", strength: float = 0.5, stream: str = "corpus") -> None:
        super().__init__(stream)
        self.noise, self.strength = noise, strength
        corrupted(torch.zeros(1, 1, 1, 1), noise, 0)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, noise={self.noise!r}, strength={self.strength}"

    def noisy(self, x: Tensor) -> Tensor:
        """A noisy version of each example."""
        return corrupted(x, self.noise, self.strength)

    def measures(self, view: View) -> dict[str, Tensor]:
        x = view.inputs(self.stream)[0]
        drawn = view.seen_as(self.stream, (self.noisy(x),)).logits(self.stream)
        spread = (x - x.mean(0)).square().mean().clamp_min(1e-12)
        return {"dae": (drawn.float() - x).square().flatten(1).mean(1) / spread}


class SwappedCells(DenoisingAutoEncoder):
    """The same for rows of a table ``(n, width)``: a ``rate`` of the cells is replaced by the cell of another row.

    ``columns`` says of each number which column it encodes: those of one cell are swapped together, with the same
    column of any row of the batch. Leaving a noisy row as it is costs ``2 · rate``. Vincent et al. (2008).
    """

    columns: Tensor

    def __init__(self, columns: Sequence[int], rate: float = 0.15, stream: str = "corpus") -> None:
        super().__init__("masking", rate, stream)
        self.register_buffer("columns", torch.tensor(list(columns)), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, rate={self.strength}"

    def noisy(self, x: Tensor) -> Tensor:
        shape = len(x), int(self.columns.max()) + 1
        swapped = torch.rand(shape, device=x.device) < self.strength
        other = torch.randint(len(x), shape, device=x.device)
        return torch.where(swapped[:, self.columns], x.gather(0, other[:, self.columns]), x)
