"""Terms on the size of features: their norms, and the directions that dominate them."""

from __future__ import annotations

from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.afn import afn_stepwise
from transferium.functional.losses.bss import bsp, bss
from transferium.objectives.discrepancy import BetweenStreams
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class FeatureNorms(BetweenStreams):
    """``mean_i (||f_i|| - (stop(||f_i||) + step))²`` over both streams: every norm is asked to grow.

    Its value says nothing (it is always ``2 step²``); its gradient does.
    Xu et al., Larger norm more transferable, ICCV 2019.
    """

    default_name = "afn"

    def __init__(self, source: str = "source", target: str = "unlabeled", *, step: float = 1.0, name: str = "") -> None:
        super().__init__(source, target, name=name)
        self.step = step

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, step={self.step}"

    def forward(self, view: View) -> dict[str, Tensor]:
        parts = [afn_stepwise(view.features(s), self.step) for s in (self.source, self.target)]
        return {self.name: parts[0] + parts[1]}


class Spectrum(BetweenStreams):
    """The ``largest`` squared singular values of each stream's features: no direction may dominate.

    Add it, lightly, to an adversarial term. Chen et al., Transferability vs. discriminability, ICML 2019.
    """

    default_name = "bsp"

    def __init__(self, source: str = "source", target: str = "unlabeled", *, largest: int = 1, name: str = "") -> None:
        super().__init__(source, target, name=name)
        self.largest = largest

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, largest={self.largest}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: bsp(view.features(self.source), view.features(self.target), self.largest)}


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
