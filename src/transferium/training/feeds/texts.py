"""Texts: tokenised once, or once an epoch where they are changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from transferium.data.domain import Domain
from transferium.models.preprocess import TextPreprocess
from transferium.training.augment.rewriting import Rewrite, Rewritten, digest, rewrite
from transferium.training.augment.texts import TextAugment
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.order import Indices


class TextFeed:
    """Texts, tokenised once; a batch is padded to its own longest row."""

    def __init__(self, domain: Domain, preprocess: TextPreprocess) -> None:
        self.ids = preprocess(raw_texts(domain))
        self.lengths: Sequence[int] | None = [len(row) for row in self.ids]
        self.labels, self.pad_id = domain.labels, preprocess.pad_id

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        ids = self._read(epoch, rows)
        width = max(1, *map(len, ids))
        padded = torch.full((len(ids), width), self.pad_id)
        mask = torch.zeros((len(ids), width), dtype=torch.int64)
        for at, row in enumerate(ids):
            padded[at, : len(row)] = torch.tensor(row, dtype=torch.int64)
            mask[at, : len(row)] = 1
        return Batch((padded, mask), labels_at(self.labels, rows), torch.from_numpy(rows))

    def _read(self, epoch: int, rows: Indices) -> list[list[int]]:
        """Token ids of ``rows``."""
        return [self.ids[i] for i in rows]


class ChangedTextFeed(TextFeed):
    """Texts changed at random before they are tokenised, batch by batch.

    Batches are put together by the lengths of the texts as they came.
    """

    def __init__(self, domain: Domain, preprocess: TextPreprocess, change: TextAugment, seed: int) -> None:
        super().__init__(domain, preprocess)
        self.texts, self.preprocess, self.change, self.seed = raw_texts(domain), preprocess, change, seed

    def text(self, epoch: int, row: int) -> str:
        """What ``row`` says in ``epoch``."""
        return self.change(self.texts[row], self.seed, epoch, row)

    def _read(self, epoch: int, rows: Indices) -> list[list[int]]:
        return self.preprocess([self.text(epoch, int(row)) for row in rows])


class RewrittenTextFeed(TextFeed):
    """Texts beside what a function made of them, each tokenised once; which is read is drawn anew each epoch."""

    def __init__(
        self, domain: Domain, preprocess: TextPreprocess, function: Rewrite, seed: int, folder: Path | None
    ) -> None:
        super().__init__(domain, preprocess)
        self.seed = seed
        self.share = function.share if isinstance(function, Rewritten) else Rewritten.share
        self.texts = [raw_texts(domain)]
        self.texts += rewrite(function, self.texts[0], folder)
        self.views = [self.ids, *(preprocess(view) for view in self.texts[1:])]
        self.digest = digest(self.texts[1:])

    def text(self, epoch: int, row: int) -> str:
        """What ``row`` says in ``epoch``."""
        return self.texts[self._view(epoch, row)][row]

    def _view(self, epoch: int, row: int) -> int:
        rng = np.random.default_rng([self.seed, epoch, row])
        return int(rng.integers(1, len(self.texts))) if rng.random() < self.share else 0

    def _read(self, epoch: int, rows: Indices) -> list[list[int]]:
        return [self.views[self._view(epoch, int(row))][row] for row in rows]


def raw_texts(domain: Domain) -> list[str]:
    """The texts as they came."""
    return [str(domain.samples.raw(i)) for i in range(len(domain))]
