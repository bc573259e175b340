"""The spectrum of a batch's features loses its tail."""

from __future__ import annotations

from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.bss import bss
from transferium.training.objective import Objective
from transferium.training.view import View


class SpectralShrinkage(Objective):
    """``Σ_{i <= smallest} σ_{-i}(F)²`` of each batch's features ``F (n, width)``: BSS's term.

    It is a number of the whole batch and no mean over its rows: passes that share a step, or processes that share a
    batch, would each shrink another matrix. Methods that use it refuse both.
    Chen et al., "Catastrophic forgetting meets negative transfer: batch spectral shrinkage for safe transfer learning"
    (2019).
    """

    def __init__(self, smallest: int = 1, *, stream: str = "target", name: str = "bss") -> None:
        super().__init__()
        if smallest < 1:
            raise InputError(f"smallest is how many singular values are shrunk, at least 1; it was {smallest}.")
        self.smallest, self.stream, self.name, self.needs = smallest, stream, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, smallest={self.smallest}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: bss(view.features(self.stream), self.smallest)}
