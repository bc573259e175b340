"""Preprocessing of sentences: the tokens of their words, in windows where a sentence is longer than a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.sentences.sentence import Sentence
from transferium.models.preprocess import TextPreprocess

OVERLAP = 4
"""Windows share a quarter of their tokens, so that each word has some context on both sides in one of them."""


@dataclass(frozen=True)
class Window:
    """Some tokens of a sentence: their ids, and the word of each (-1: none, or one that another window answers)."""

    ids: NDArray[np.int64]
    words: NDArray[np.int64]


@dataclass(frozen=True)
class WordPreprocess(TextPreprocess):
    """Words of sentences to token ids by a ``tokenizer.json``; words are cut into tokens one by one.

    A sentence of more than ``max_length`` tokens is read in windows of that length, which share a quarter: each word is
    answered by the window in which it stands farthest from an end.
    """

    kind: ClassVar[str] = "sentence"

    def windows(self, sentences: Sequence[Sentence]) -> list[list[Window]]:
        """The windows of each sentence, special tokens included; none where the tokenizer finds nothing in it."""
        encoder = _word_tokenizer(self.tokenizer, self.max_length)
        encoded = encoder.encode_batch([list(sentence.words) for sentence in sentences], is_pretokenized=True)
        return [_windows(one) for one in encoded]

    def read(self, raw: Any) -> NDArray[np.int64]:
        """The ids of the first window."""
        found = self.windows([raw if isinstance(raw, Sentence) else Sentence.of_text(str(raw))])[0]
        return found[0].ids if found else np.empty(0, np.int64)


def _windows(encoded: Any) -> list[Window]:
    parts = [encoded, *encoded.overflowing]
    words = [np.array([-1 if word is None else word for word in part.word_ids], np.int64) for part in parts]
    if not any((found >= 0).any() for found in words):
        return []
    best: dict[int, tuple[tuple[int, int], int]] = {}
    for number, found in enumerate(words):
        for word in np.unique(found[found >= 0]).tolist():
            at = np.flatnonzero(found == word)
            room = (len(at), min(int(at[0]), len(found) - int(at[-1])))
            if word not in best or room > best[word][0]:
                best[word] = room, number
    mine = [
        np.where([best[w][1] == number if w >= 0 else False for w in found.tolist()], found, -1)
        for number, found in enumerate(words)
    ]
    return [Window(np.array(part.ids, np.int64), found) for part, found in zip(parts, mine, strict=True)]


@lru_cache(maxsize=8)
def _word_tokenizer(path: Path, max_length: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, stride=max(1, (max_length - 2) // OVERLAP))
    return tokenizer
