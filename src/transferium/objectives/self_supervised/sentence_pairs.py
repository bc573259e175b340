"""Next-sentence prediction and its relatives: how do the two segments of a text belong together?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transferium.models.sources.language_models import initial_spread
from transferium.objectives.self_supervised.base import SelfSupervised
from transferium.training.loop.view import View


class SentencePairs(SelfSupervised):
    """``-mean log P(y | x_1, x_2)`` of the first token's features ``h``: softmax of ``W tanh(V h)``, as in BERT.

    ``y`` is the label that the feed drew: 0 where the second segment is what follows (``nsp``), of the same document
    (``same-document``) or in order (``sop``), else 1. Devlin et al., "BERT" (2019); Lan et al., "ALBERT" (2020).
    """

    def __init__(self, width: int, task: str = "nsp", stream: str = "corpus") -> None:
        super().__init__(stream)
        self.task, self.pooler, self.decide = task, nn.Linear(width, width), nn.Linear(width, 2)
        for layer in (self.pooler, self.decide):
            nn.init.normal_(layer.weight, std=initial_spread(width))
            nn.init.zeros_(layer.bias)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, task={self.task!r}"

    def lowered(self) -> tuple[str, ...]:
        return (self.task,)

    def measures(self, view: View) -> dict[str, Tensor]:
        labels = view.labels(self.stream)
        logits = self.decide(torch.tanh(self.pooler(view.features(self.stream)[:, 0]))).float()
        return {
            self.task: nn.functional.cross_entropy(logits, labels, reduction="none"),
            f"{self.task} accuracy": (logits.argmax(1) == labels).float(),
        }
