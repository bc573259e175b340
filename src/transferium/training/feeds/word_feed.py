"""Sentences as the tokens of their words, tokenised once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from transferium.data.domain import Domain
from transferium.models.word_preprocess import WordPreprocess
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.order import Indices


class WordFeed:
    """Sentences in windows, with the word of each token: what ``models/word_model.py`` reads.

    A batch has as many windows, tokens and words as its own longest sentence. ``lengths`` are tokens.
    """

    def __init__(self, domain: Domain, preprocess: WordPreprocess) -> None:
        sentences = [domain.samples.raw(i) for i in range(len(domain))]
        self.windows = preprocess.windows(sentences)
        self.lengths: Sequence[int] | None = [sum(len(window.ids) for window in windows) for windows in self.windows]
        self.words = np.array([len(sentence) for sentence in sentences], np.int64)
        self.labels, self.pad_id = domain.labels, preprocess.pad_id

    def __len__(self) -> int:
        return len(self.windows)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        some, words = [self.windows[row] for row in rows], torch.from_numpy(self.words[rows])
        longest = max((len(window.ids) for windows in some for window in windows), default=1)
        shape = len(rows), max(1, *map(len, some)), longest
        ids, of = torch.full(shape, self.pad_id), torch.full(shape, -1)
        mask = torch.zeros(shape, dtype=torch.int64)
        for at, windows in enumerate(some):
            for number, window in enumerate(windows):
                ids[at, number, : len(window.ids)] = torch.from_numpy(window.ids)
                of[at, number, : len(window.ids)] = torch.from_numpy(window.words)
                mask[at, number, : len(window.ids)] = 1
        there = torch.arange(int(words.max())) < words[:, None]
        return Batch((ids, mask, of, there), labels_at(self.labels, rows), torch.from_numpy(rows), there)
