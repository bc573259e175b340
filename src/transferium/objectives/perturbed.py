"""Adversarial training: the loss where an adversary has moved the inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.vat import divergence
from transferium.models.model import Model
from transferium.training.attack import Attack, drawing_alike
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class Perturbed(Objective):
    """``(1 - share) · inner(x) + share · inner(x + δ)``, ``δ`` raising ``inner`` within the attack's limits.

    Terms of the second half are called ``attacked_<name>``. With ``share`` 0 it is ``inner``, and nothing is attacked.
    It buys accuracy on inputs chosen to mislead, and usually costs some on clean ones: report both.
    Goodfellow et al., "Explaining and harnessing adversarial examples" (2015); Madry et al., "Towards deep learning
    models resistant to adversarial attacks" (2018); for texts Miyato et al., "Adversarial training methods for
    semi-supervised text classification" (2017).
    """

    needs_inputs = True

    def __init__(self, inner: Objective, attack: Attack, *, share: float = 0.5, stream: str = "target") -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise InputError(f"the attacked share of the loss lies from 0 to 1; it was {share}.")
        self.inner, self.attack, self.share, self.stream = inner, attack, share, stream
        self.needs, self.taps = inner.needs | {stream}, inner.taps

    def extra_repr(self) -> str:
        return f"{self.attack}, share={self.share}, {self.stream!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        if self.share < 1:
            terms |= {name: (1 - self.share) * term for name, term in self.inner(view).items()}
        if self.share == 0:
            return terms
        body, inputs = view.model.backbone, view.inputs(self.stream)

        def asked(seen: tuple[Tensor, ...]) -> dict[str, Tensor]:
            found: dict[str, Tensor] = self.inner(view.seen_as(self.stream, seen))
            return found

        delta = self.attack.find(body, inputs, lambda seen: torch.stack(list(asked(seen).values())).sum())
        with self.attack.moved(body, inputs, delta) as seen:
            return terms | {f"attacked_{name}": self.share * term for name, term in asked(seen).items()}

    def after_step(self, model: Model) -> None:
        self.inner.after_step(model)


class Virtual(Objective):
    """``mean_i KL(p(x_i) || p(x_i + δ_i))`` along the change to which the answers react most; needs no labels.

    Every pass drops the same units, so that ``δ`` alone makes answers differ. Miyato et al., "Virtual adversarial
    training" (2018). It asks for smooth answers, not for right ones: add it to a supervised loss.
    """

    needs_inputs = True

    def __init__(self, attack: Attack, *, stream: str = "target", name: str = "virtual") -> None:
        super().__init__()
        self.attack, self.stream, self.name, self.needs = attack, stream, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.attack}, {self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        body, inputs = view.model.backbone, view.inputs(self.stream)

        answers = drawing_alike(lambda seen: view.seen_as(self.stream, seen).logits(self.stream))
        delta, clean = self.attack.find_virtual(body, inputs, answers)
        with self.attack.moved(body, inputs, delta) as seen:
            return {self.name: divergence(clean, answers(seen))}
