"""Cross-entropy on a labelled stream."""

from __future__ import annotations

from torch import Tensor, nn

from transferium.errors import InputError
from transferium.training.objective import Objective
from transferium.training.view import View


class Supervised(Objective):
    """``mean_i -log softmax(logits_i)[y_i]``, the labels smoothed towards uniform by ``smoothing``.

    Labels may also be class probabilities ``(n, classes)``, as mixing or a teacher makes them.
    Label smoothing: Szegedy et al., "Rethinking the Inception architecture" (2016); prefer it where labels are noisy or
    probabilities come out too sure, not where calibrated margins between like classes matter.

    >>> 0.5 * Supervised() + Supervised("source", name="source")  # doctest: +ELLIPSIS
    Sum(...
    """

    def __init__(self, stream: str = "target", *, smoothing: float = 0.0, name: str = "task") -> None:
        super().__init__()
        if not 0 <= smoothing < 1:
            raise InputError(f"label smoothing lies from 0 to below 1; it was {smoothing}.")
        self.stream, self.smoothing, self.name, self.needs = stream, smoothing, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, smoothing={self.smoothing}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        loss = nn.functional.cross_entropy(
            view.logits(self.stream), view.labels(self.stream), label_smoothing=self.smoothing
        )
        return {self.name: loss}
