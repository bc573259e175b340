"""Consistency terms: the same prediction for an example and its slightly changed copy (FixMatch, mean teacher, VAT)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.functional.losses.vat import vat
from transferium.models.model import Model
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


def disturb(inputs: tuple[Tensor, ...], strength: float) -> tuple[Tensor, ...]:
    """The same rows disturbed at random; ``strength`` 0 gives them back as they are.

    Numbers get Gaussian noise of ``strength`` times each feature's spread over the batch (each channel's, for images),
    and that share of them is replaced by the batch's mean; images lose a square of that share of their area instead.
    Texts lose that share of their tokens from the mask. Draws from torch's global generator.
    """
    if not 0 <= strength < 1:
        raise InputError(f"a disturbance has a strength from 0 to below 1; it was {strength}.")
    if strength == 0:
        return inputs
    x, *rest = inputs
    if not x.is_floating_point():
        mask = rest[0]
        kept = torch.rand(mask.shape, device=mask.device) >= strength
        kept[:, 0] = True
        return (x, mask * kept, *rest[1:])
    axes = (0,) if x.ndim == 2 else (0, *range(2, x.ndim))
    mean, spread = x.mean(axes, keepdim=True), x.std(axes, keepdim=True, unbiased=False)
    noisy = x + strength * spread * torch.randn_like(x)
    if x.ndim == 4:
        return (_with_holes(noisy, mean, strength), *rest)
    return (torch.where(torch.rand_like(x) < strength, mean, noisy), *rest)


def _with_holes(x: Tensor, mean: Tensor, share: float) -> Tensor:
    n, _, height, width = x.shape
    side = [max(1, round(size * share**0.5)) for size in (height, width)]
    corner = [
        torch.randint(0, size - s + 1, (n, 1), device=x.device) for size, s in zip((height, width), side, strict=True)
    ]
    inside = []
    for size, start, length in zip((height, width), corner, side, strict=True):
        at = torch.arange(size, device=x.device)
        inside.append((at >= start) & (at < start + length))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(hole, mean, x)


class Disturbed(Objective):
    """``inner`` on a step with disturbed rows in ``stream``: a noisy student."""

    needs_inputs = True

    def __init__(self, inner: Objective, stream: str, strength: float) -> None:
        super().__init__()
        self.inner, self.stream, self.strength = inner, stream, strength
        self.needs, self.taps = inner.needs | {stream}, inner.taps

    def extra_repr(self) -> str:
        return f"{self.stream!r}, strength={self.strength}"

    def forward(self, view: View) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.inner(
            view.seen_as(self.stream, disturb(view.inputs(self.stream), self.strength))
        )
        return terms


class FixMatch(Objective):
    """``mean_i [max p_i >= threshold] · CE(argmax p_i, answer to x_i disturbed)``, ``p`` without gradient.

    Sohn et al., FixMatch: simplifying semi-supervised learning with consistency and confidence, NeurIPS 2020.
    """

    needs_inputs = True

    def __init__(
        self, stream: str = "unlabeled", *, threshold: float = 0.95, strength: float = 0.3, name: str = "fixmatch"
    ) -> None:
        super().__init__()
        self.stream, self.threshold, self.strength, self.name = stream, threshold, strength, name
        self.needs = frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, threshold={self.threshold}, strength={self.strength}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        sure, guess = view.logits(self.stream).detach().softmax(-1).max(-1)
        strong = view.seen_as(self.stream, disturb(view.inputs(self.stream), self.strength)).logits(self.stream)
        each = nn.functional.cross_entropy(strong, guess, reduction="none")
        return {self.name: ((sure >= self.threshold).to(each.dtype) * each).mean()}


class MeanTeacher(Objective):
    """``mean_i ||p(x_i disturbed) - teacher(x_i disturbed otherwise)||² / classes``; the teacher trails the model.

    After each step ``teacher <- decay · teacher + (1 - decay) · model``, ``decay`` being ``1 - 1/(t + 1)`` at
    first.
    Tarvainen & Valpola, Mean teachers are better role models, NeurIPS 2017; French et al., Self-ensembling for visual
    domain adaptation, ICLR 2018.
    """

    needs_inputs = True
    steps: Tensor

    def __init__(
        self,
        model: Model,
        stream: str = "unlabeled",
        *,
        decay: float = 0.99,
        strength: float = 0.2,
        name: str = "teacher",
    ) -> None:
        super().__init__()
        self.stream, self.decay, self.strength, self.name = stream, decay, strength, name
        self.needs = frozenset({stream})
        self.teacher = copy.deepcopy(model).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        return f"{self.stream!r}, decay={self.decay}, strength={self.strength}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        inputs = view.inputs(self.stream)
        with torch.no_grad():
            wanted = self.teacher(*disturb(inputs, self.strength)).softmax(-1)
        answers = view.seen_as(self.stream, disturb(inputs, self.strength)).logits(self.stream).softmax(-1)
        return {self.name: (answers - wanted).square().mean()}

    @torch.no_grad()
    def after_step(self, model: Model) -> None:
        self.steps += 1
        decay = min(self.decay, 1 - 1 / (int(self.steps) + 1))
        for mine, theirs in zip(self.teacher.parameters(), model.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for copied, now in zip(self.teacher.buffers(), model.buffers(), strict=True):
            copied.copy_(now)


class Smoothness(Objective):
    """``mean_i KL(p(x_i) || p(x_i + r_i))`` along the worst small step ``r_i``: VAT, VADA's smoothness.

    ``radius`` is the step's length as a share of the mean length of a row about the batch's mean. Numbers are moved
    themselves; texts, which have no neighbours, in their pooled features.
    Miyato et al., Virtual adversarial training, TPAMI 2018; Shu et al., A DIRT-T approach, ICLR 2018.
    """

    needs_inputs = True

    def __init__(self, stream: str = "unlabeled", *, radius: float = 0.1, name: str = "smoothness") -> None:
        super().__init__()
        self.stream, self.radius, self.name, self.needs = stream, radius, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, radius={self.radius}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        x, *rest = view.inputs(self.stream)
        if x.is_floating_point():
            radius = self._length(x)
            return {
                self.name: vat(lambda z: view.seen_as(self.stream, (z, *rest)).logits(self.stream), x, radius=radius)
            }
        features = view.features(self.stream)
        return {self.name: vat(view.model.head, features, radius=self._length(features.detach()))}

    def _length(self, x: Tensor) -> float:
        return self.radius * float((x - x.mean(0)).flatten(1).norm(dim=1).mean())
