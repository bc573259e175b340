"""The loss of a text: how improbable each of its pieces is after those before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View

PADDING = -100


class WritingLoss(Objective):
    """``-Σ log p(piece | pieces before it, example) / pieces`` over the texts of a batch (teacher forcing).

    ``texts`` holds the pieces of each row of the stream's domain, the end among them; ``start`` stands before the
    first. With ``smoothing`` each piece shares that much of its probability with all others (Szegedy et al. 2016).
    ``pieces`` are those of a text in the mean over all, whatever a batch is cut into.
    """

    def __init__(self, texts: Sequence[Sequence[int]], start: int, smoothing: float, stream: str = "target") -> None:
        super().__init__()
        self.stream, self.start, self.smoothing, self.needs = stream, start, smoothing, frozenset({stream})
        self.texts = [torch.tensor(list(text), dtype=torch.int64) for text in texts]
        self.mean = sum(map(len, texts)) / len(texts)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, {len(self.texts)} texts, smoothing={self.smoothing}"

    def forward(self, view: View) -> dict[str, Tensor]:
        rows = view.features(self.stream)
        some = [self.texts[i] for i in view.index(self.stream).tolist()]
        wanted = torch.nn.utils.rnn.pad_sequence(some, batch_first=True, padding_value=PADDING).to(rows.device)
        before = wanted.clamp_min(0).roll(1, dims=1)
        before[:, 0] = self.start
        scores = view.model.head(rows, view.inputs(self.stream)[1], before)
        losses = cross_entropy(
            scores.flatten(0, 1).float(),
            wanted.flatten(),
            ignore_index=PADDING,
            label_smoothing=self.smoothing,
            reduction="sum",
        )
        return {"writing": losses / (len(some) * self.mean)}
