"""Terms that read one stream's predictions and need no labels: sure, varied, and not confused with each other."""

from __future__ import annotations

from torch import Tensor

from transferium.functional.losses.entropy import entropy, information_maximisation
from transferium.functional.losses.mcc import bnm, mcc
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class OfPredictions(Objective):
    """A term of one stream's logits."""

    default_name = ""

    def __init__(self, stream: str = "unlabeled", *, name: str = "") -> None:
        super().__init__()
        self.stream, self.name, self.needs = stream, name or self.default_name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, name={self.name!r}"


class ClassConfusion(OfPredictions):
    """The mean share of class confusion that lies off the diagonal, at ``temperature``: MCC's term.

    Jin et al., Minimum class confusion for versatile domain adaptation, ECCV 2020.
    """

    default_name = "mcc"

    def __init__(self, stream: str = "unlabeled", *, temperature: float = 2.5, name: str = "") -> None:
        super().__init__(stream, name=name)
        self.temperature = temperature

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, temperature={self.temperature}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: mcc(view.logits(self.stream), self.temperature)}


class NuclearNorm(OfPredictions):
    """``-||softmax(logits)||_* / n``: confident and diverse predictions in one number.

    Cui et al., Towards discriminability and diversity: batch nuclear-norm maximization, CVPR 2020.
    """

    default_name = "bnm"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: bnm(view.logits(self.stream))}


class Entropy(OfPredictions):
    """``mean_i H(p_i)``: minimised by any sure answer, a constant one included; keep something else beside it.

    Grandvalet & Bengio, Semi-supervised learning by entropy minimization, NeurIPS 2004.
    """

    default_name = "entropy"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: entropy(view.logits(self.stream)).mean()}


class InformationMaximisation(OfPredictions):
    """``mean_i H(p_i) - diversity · H(mean p)``: each prediction sure, all of them together varied.

    Liang et al., Do we really need to access the source data?, ICML 2020.
    """

    default_name = "information"

    def __init__(self, stream: str = "unlabeled", *, diversity: float = 1.0, name: str = "") -> None:
        super().__init__(stream, name=name)
        self.diversity = diversity

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, diversity={self.diversity}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: information_maximisation(view.logits(self.stream), diversity=self.diversity)}
