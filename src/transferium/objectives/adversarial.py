"""Terms with a critic: a second network separates two streams, and the features learn to prevent that."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from transferium.functional.losses.entropy import entropy_weights
from transferium.functional.losses.mdd import margin_disparity
from transferium.functional.losses.multilinear import multilinear_map, random_multilinear_map, random_projections
from transferium.functional.losses.reversal import reverse_gradient
from transferium.objectives.discrepancy import BetweenStreams
from transferium.training.loop.view import View

Growth = Callable[[float], float]
WIDEST = 4096
"""Inputs of a critic beyond which features and predictions are joined by random projections."""


def at_once(_progress: float) -> float:
    """No growth: the whole of the reversed gradient from the first step."""
    return 1.0


def critic(width: int, hidden: int, out: int = 1) -> nn.Sequential:
    """Two affine layers with a rectifier between."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out))


def told_apart(source: Tensor, target: Tensor, weights: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """``½ mean w log(1 + e^-s) + ½ mean w log(1 + e^t)`` for critic logits ``(n, 1)``, ``(m, 1)``: 1 is the source."""
    w = (torch.ones_like(source[:, 0]), torch.ones_like(target[:, 0])) if weights is None else weights
    losses = (nn.functional.softplus(-source[:, 0]), nn.functional.softplus(target[:, 0]))
    return 0.5 * sum(((a * b).mean() for a, b in zip(w, losses, strict=True)), losses[0].new_zeros(()))


class DomainAdversarial(BetweenStreams):
    """A critic's loss at telling two streams apart by their features, its gradient reversed before them: DANN's term.

    The critic learns at full strength from the start; the reversed gradient is multiplied by ``growth(progress)``
    (DANN's is ``functional.losses.reversal.ramp``).
    Ganin et al., Domain-adversarial training of neural networks, JMLR 2016.
    """

    default_name = "domain"

    def __init__(
        self,
        width: int,
        *,
        hidden: int = 256,
        growth: Growth = at_once,
        source: str = "source",
        target: str = "unlabeled",
        name: str = "",
    ) -> None:
        super().__init__(source, target, name=name)
        self.growth = growth
        self.critic = critic(width, hidden)

    def forward(self, view: View) -> dict[str, Tensor]:
        scale = self.growth(view.progress)
        seen = [self.critic(reverse_gradient(view.features(s), scale)) for s in (self.source, self.target)]
        return {self.name: told_apart(seen[0], seen[1])}


class ConditionalAdversarial(BetweenStreams):
    """The same with a critic of ``features ⊗ predictions``: CDAN's term; with ``entropy`` CDAN+E's.

    Predictions carry no gradient. Where ``width · classes`` is above 4,096, random projections of both are multiplied
    instead. ``entropy`` lets sure rows count up to twice as much.
    Long et al., Conditional adversarial domain adaptation, NeurIPS 2018.
    """

    default_name = "domain"

    def __init__(
        self,
        width: int,
        classes: int,
        *,
        hidden: int = 256,
        entropy: bool = False,
        growth: Growth = at_once,
        dimensions: int = 1024,
        source: str = "source",
        target: str = "unlabeled",
        name: str = "",
    ) -> None:
        super().__init__(source, target, name=name)
        self.growth, self.entropy = growth, entropy
        self.random = width * classes > WIDEST
        if self.random:
            for label, matrix in zip("fp", random_projections(width, classes, dimensions, seed=0), strict=True):
                self.register_buffer(f"projection_{label}", matrix)
        self.critic = critic(dimensions if self.random else width * classes, hidden)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, entropy={self.entropy}"

    def forward(self, view: View) -> dict[str, Tensor]:
        streams, scale = (self.source, self.target), self.growth(view.progress)
        seen = [self.critic(reverse_gradient(self._joined(view, s), scale)) for s in streams]
        if not self.entropy:
            return {self.name: told_apart(seen[0], seen[1])}
        weights = (entropy_weights(view.logits(self.source)), entropy_weights(view.logits(self.target)))
        return {self.name: told_apart(seen[0], seen[1], weights)}

    def _joined(self, view: View, stream: str) -> Tensor:
        features, p = view.features(stream), view.logits(stream).detach().softmax(-1)
        if not self.random:
            return multilinear_map(features, p)
        return random_multilinear_map(features, p, (self.get_buffer("projection_f"), self.get_buffer("projection_p")))


class MarginDisparity(BetweenStreams):
    """A second classifier agrees with the head on the source and disagrees on the target as far as it can: MDD's term.

    ``-(margin · E_s log σ_h(f') + E_t log(1 - σ_h(f')))`` with the gradient reversed before the second classifier.
    Zhang et al., Bridging theory and algorithm for domain adaptation, ICML 2019.
    """

    default_name = "disparity"

    def __init__(
        self,
        width: int,
        classes: int,
        *,
        hidden: int = 256,
        margin: float = 4.0,
        growth: Growth = at_once,
        source: str = "source",
        target: str = "unlabeled",
        name: str = "",
    ) -> None:
        super().__init__(source, target, name=name)
        self.growth, self.margin = growth, margin
        self.adversary = critic(width, hidden, classes)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, margin={self.margin}"

    def forward(self, view: View) -> dict[str, Tensor]:
        scale = self.growth(view.progress)
        rows = []
        for stream in (self.source, self.target):
            rows += [view.logits(stream), self.adversary(reverse_gradient(view.features(stream), scale))]
        return {self.name: -margin_disparity(*rows, margin=self.margin)}
