"""Pairs of examples mixed, and their labels with them: mixup and CutMix, an objective around an objective."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.models.model import Model
from transferium.objectives.supervised import Supervised
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class Mixed(Objective):
    """``inner`` on a step with mixed rows in ``stream``, and class probabilities for labels.

    One ``lam ~ Beta(alpha, alpha)`` and one permutation ``j`` are drawn for each batch. mixup: ``lam x_i + (1 - lam)
    x_j``, labels alike; ``lam`` and ``1 - lam`` make the same set of mixtures, and the larger is taken, so that a row
    is mostly itself. CutMix: a rectangle of ``1 - lam`` of the picture's area, cut off at its edges, comes from
    ``x_j``, and labels are mixed by the area that is left. ``mixup`` and ``cutmix`` are the two alphas, 0 for off;
    where both are on, a coin chooses for each batch.

    A batch of one, and a model that is not training, see plain rows. Several processes, and passes that share a step,
    each mix the rows they have. Draws from torch's global generator, ``lam`` by ``draw(alpha)`` where that is given.

    Prefer it where a network learns its few labels by heart; mixup for any numbers, CutMix for pictures whose classes
    show in parts. Both make probabilities less sure than they should be: the temperature mends most of that. Terms
    beside this one still see plain rows, at the price of a second forward pass.
    Raises ``InputError`` for texts, since tokens cannot be mixed, and for CutMix of what is no picture.
    Zhang et al., "mixup: beyond empirical risk minimization" (2018); Yun et al., "CutMix: regularization strategy to
    train strong classifiers with localizable features" (2019).

    >>> Mixed(Supervised(), "target", classes=2, mixup=0.2).needs_inputs
    True
    """

    needs_inputs = True

    def __init__(
        self,
        inner: Objective,
        stream: str,
        classes: int,
        *,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        draw: Callable[[float], float] | None = None,
    ) -> None:
        super().__init__()
        for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
            if not (alpha >= 0 and math.isfinite(alpha)):
                raise InputError(f"{name} is the alpha of a Beta distribution, 0 (off) or more; it was {alpha}.")
        if any(isinstance(m, Supervised) and m.stream == stream and m.weights is not None for m in inner.modules()):
            raise InputError("a mixture has no row of its own to be weighted by: give class_weights, not weights.")
        self.inner, self.stream, self.classes, self.mixup, self.cutmix = inner, stream, classes, mixup, cutmix
        self.draw = draw or draw_share
        self.needs, self.taps, self.splits = inner.needs | {stream}, inner.taps, inner.splits

    def extra_repr(self) -> str:
        return f"{self.stream!r}, classes={self.classes}, mixup={self.mixup}, cutmix={self.cutmix}"

    def forward(self, view: View) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.inner(self._mixed(view))
        return terms

    def after_step(self, model: Model) -> None:
        self.inner.after_step(model)

    def _mixed(self, view: View) -> View:
        x, *rest = view.inputs(self.stream)
        check_mixable(tokens=not x.is_floating_point(), pictures=x.ndim == 4, cutmix=self.cutmix)
        if len(x) < 2 or not view.model.training or not (self.mixup or self.cutmix):
            return view
        cut = self.cutmix > 0 and (not self.mixup or float(torch.rand(())) < 0.5)
        share = self.draw(self.cutmix if cut else self.mixup)
        other = torch.randperm(len(x))
        x, share = cutmix(x, other, share) if cut else mixup(x, other, share)
        if share == 1:
            return view
        labels = view.labels(self.stream)
        if labels.ndim == 1:
            labels = nn.functional.one_hot(labels, self.classes).float()
        labels = share * labels + (1 - share) * labels[other.to(labels.device)]
        return view.seen_as(self.stream, (x, *rest), labels)


def check_mixable(*, tokens: bool, pictures: bool, cutmix: float) -> None:
    """Raise ``InputError`` where examples cannot be mixed: rows of tokens, and by CutMix all but pictures."""
    if tokens:
        raise InputError(
            "texts are rows of tokens, which cannot be mixed by shares: leave mixup and cutmix at 0, "
            "and use label_smoothing or an augmentation of texts instead."
        )
    if cutmix and not pictures:
        raise InputError("cutmix pastes parts of pictures, and these examples are no pictures: use mixup instead.")


def mixup(x: Tensor, other: Tensor, share: float) -> tuple[Tensor, float]:
    """``share`` of each row and the rest of row ``other[i]``, or the reverse where that is more; and the share."""
    share = max(share, 1 - share)
    return share * x + (1 - share) * x[other.to(x.device)], share


def cutmix(x: Tensor, other: Tensor, share: float) -> tuple[Tensor, float]:
    """``x (n, channels, height, width)`` with one rectangle of picture ``other[i]``; and the share of area left.

    The rectangle has the picture's proportions, ``1 - share`` of its area, and its middle anywhere in it.
    """
    spans = []
    for size in x.shape[-2:]:
        length, middle = int(size * math.sqrt(1 - share)), int(torch.randint(0, size, ()))
        spans.append((max(0, middle - length // 2), min(size, middle + length - length // 2)))
    (top, bottom), (left, right) = spans
    pasted = x.clone()
    pasted[..., top:bottom, left:right] = x[other.to(x.device), :, top:bottom, left:right]
    area = (bottom - top) * (right - left)
    return pasted, 1 - area / (x.shape[-2] * x.shape[-1])


def draw_share(alpha: float) -> float:
    """One draw from ``Beta(alpha, alpha)`` as ``G / (G + G')``, ``G ~ Gamma(alpha)``.

    In logarithms and from ``Gamma(1 + alpha)``, since torch's own sampler answers a half where alpha is tiny.
    """
    gamma = torch.distributions.Gamma(torch.tensor(1 + alpha, dtype=torch.float64), 1.0).sample((2,))
    logs = gamma.log() + torch.rand(2, dtype=torch.float64).log() / alpha
    return float(torch.sigmoid(logs[0] - logs[1]))
