"""Terms of players that take turns: two heads that disagree, and a critic that an encoder must fool."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from transferium.functional.losses.mdd import classifier_discrepancy
from transferium.objectives.adversarial import told_apart
from transferium.objectives.discrepancy import BetweenStreams
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class SecondHead(Objective):
    """Cross-entropy of another head on the same features, which get no gradient from it."""

    def __init__(self, head: nn.Linear, stream: str = "source", *, name: str = "second") -> None:
        super().__init__()
        self.head, self.stream, self.name, self.needs = head, stream, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        answers = self.head(view.features(self.stream).detach())
        return {self.name: nn.functional.cross_entropy(answers, view.labels(self.stream))}


class HeadDiscrepancy(Objective):
    """``sign · mean |softmax(head) - softmax(second)|`` on a stream: heads raise it (-1), features lower it (1).

    Saito et al., Maximum classifier discrepancy for unsupervised domain adaptation, CVPR 2018.
    """

    def __init__(
        self, head: nn.Linear, stream: str = "unlabeled", *, sign: float = 1.0, name: str = "discrepancy"
    ) -> None:
        super().__init__()
        self.head, self.stream, self.sign, self.name, self.needs = head, stream, sign, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, sign={self.sign}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        second = self.head(view.features(self.stream))
        return {self.name: self.sign * classifier_discrepancy(view.logits(self.stream), second)}


class Encoded(BetweenStreams):
    """What ADDA's two players share: a frozen copy of the source's encoder, and a critic."""

    def __init__(self, encoder: nn.Module, critic: nn.Sequential, *, name: str = "") -> None:
        super().__init__(name=name)
        self.fixed = copy.deepcopy(encoder).requires_grad_(False).eval()
        self.critic = critic

    def _source(self, view: View) -> Tensor:
        with torch.no_grad():
            features: Tensor = self.fixed(*view.inputs(self.source))
        return features


class TellApart(Encoded):
    """The critic's side: source rows through the fixed encoder against target rows through the moving one.

    Tzeng et al., Adversarial discriminative domain adaptation, CVPR 2017.
    """

    default_name = "critic"

    def forward(self, view: View) -> dict[str, Tensor]:
        seen = view.features(self.target).detach()
        return {self.name: told_apart(self.critic(self._source(view)), self.critic(seen))}


class Fool(Objective):
    """The encoder's side: target rows should look like source rows to the critic (inverted labels)."""

    def __init__(self, critic: nn.Sequential, stream: str = "unlabeled", *, name: str = "fool") -> None:
        super().__init__()
        self.critic, self.stream, self.name, self.needs = critic, stream, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: nn.functional.softplus(-self.critic(view.features(self.stream))[:, 0]).mean()}
