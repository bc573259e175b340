"""Terms of players that take turns: two heads that disagree, a critic that an encoder must fool, a generator."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from transferium.functional.losses.mdd import classifier_discrepancy
from transferium.functional.losses.reversal import reverse_gradient
from transferium.objectives.adversarial import critic, told_apart
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


class Generator(nn.Module):
    """Features ``(n, width)`` from classes ``(n,)`` and ``noise`` normal numbers each: two layers, as of a critic."""

    def __init__(self, classes: int, width: int, *, noise: int = 32, hidden: int = 256) -> None:
        super().__init__()
        self.classes, self.noise = classes, noise
        self.layers = critic(classes + noise, hidden, width)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """What was made, and the classes as shares ``(n, classes)``."""
        known = nn.functional.one_hot(labels, self.classes).float()
        noise = torch.randn(len(known), self.noise, device=known.device)
        return self.layers(torch.cat([known, noise], 1)), known


class Generation(BetweenStreams):
    """The generator's side: a critic's loss, its gradient reversed before what was made, and ``CE(head(made), y)``.

    Features are made for the classes ``y`` of the source's rows. The critic learns to tell these and the source's own
    rows, both with ``y``, from target rows with the head's answers; what is made should look like a target row to it,
    and be of its class to the head. Encoder and head stay as they are.
    Volpi et al., Adversarial feature augmentation for unsupervised domain adaptation, CVPR 2018.
    """

    default_name = "generation"

    def __init__(self, generator: Generator, critic: nn.Sequential, *, name: str = "") -> None:
        super().__init__(name=name)
        self.generator, self.critic = generator, critic

    def forward(self, view: View) -> dict[str, Tensor]:
        labels = view.labels(self.source)
        made, known = self.generator(labels)
        right = nn.functional.cross_entropy(view.model.head(made), labels)
        rows = torch.cat([reverse_gradient(made, 1.0), view.features(self.source).detach()])
        here = self.critic(torch.cat([rows, known.repeat(2, 1)], 1))
        return {self.name: told_apart(here, self.critic(_answered(view, self.target).detach())) + right}


class AgainstGeneration(BetweenStreams):
    """The encoder's side: ``CE(head(made), y)``, and the critic's loss on target rows, which the encoder raises.

    The answers beside these rows carry no gradient.
    """

    default_name = "against"

    def __init__(self, generator: Generator, critic: nn.Sequential, *, name: str = "") -> None:
        super().__init__(name=name)
        self.generator, self.critic = generator, critic

    def forward(self, view: View) -> dict[str, Tensor]:
        labels = view.labels(self.source)
        right = nn.functional.cross_entropy(view.model.head(self.generator(labels)[0]), labels)
        known_apart = nn.functional.softplus(self.critic(_answered(view, self.target))[:, 0]).mean()
        return {self.name: right - known_apart}


def _answered(view: View, stream: str) -> Tensor:
    """Features with the head's probabilities beside them, which carry no gradient, ``(n, width + classes)``."""
    return torch.cat([view.features(stream), view.logits(stream).detach().softmax(-1)], 1)
