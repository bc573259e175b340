"""Terms on the size of features: their norms, and the directions that dominate them."""

from __future__ import annotations

from torch import Tensor

from transferium.functional.losses.afn import afn_stepwise
from transferium.functional.losses.bsp import bsp
from transferium.objectives.discrepancy import BetweenStreams
from transferium.training.view import View


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
