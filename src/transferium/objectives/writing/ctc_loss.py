"""The loss of a transcript whose letters have no known moments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss

from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class CTCLoss(Objective):
    """``-log Σ p(path)`` over all paths of letters and blanks that mean the transcript, per letter.

    ``texts`` holds the letters of each row of the stream's domain, counted from 1; 0 is the blank. Graves et al.,
    "Connectionist temporal classification" (2006).
    """

    splits = True

    def __init__(self, texts: Sequence[Sequence[int]], stream: str = "target") -> None:
        super().__init__()
        self.stream, self.needs = stream, frozenset({stream})
        self.texts = [torch.tensor(list(text), dtype=torch.int64) for text in texts]
        self.mean = sum(map(len, texts)) / len(texts)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, {len(self.texts)} transcripts"

    def forward(self, view: View) -> dict[str, Tensor]:
        scores = view.logits(self.stream).float().log_softmax(dim=2).transpose(0, 1)
        some = [self.texts[i] for i in view.index(self.stream).tolist()]
        moments, letters = torch.full((len(some),), len(scores)), torch.tensor([len(text) for text in some])
        losses = ctc_loss(scores, torch.cat(some).to(scores.device), moments, letters, reduction="sum")
        return {"ctc": losses / (len(some) * self.mean)}
