"""Embedding of texts: each is tokenised once and run in a batch of texts of equal length, without padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.data.samples import Samples
from transferium.embedding.engines.engine import Engine
from transferium.embedding.images import Wanted
from transferium.embedding.store.missing import Need
from transferium.embedding.store.table import Row
from transferium.models.preprocess import TextPreprocess

WINDOW = 8192
"""The number of texts that are held in memory and sorted by length at a time."""
MOST = 64
"""The most texts in one batch."""


@dataclass(frozen=True)
class SameLength:
    """Texts of one length in tokens, for one backbone; ``ids`` is ``(n, 0)`` where nothing is left of them."""

    need: Need
    keys: tuple[str, ...]
    ids: NDArray[np.int64]


def text_tasks(samples: Samples, wanted: Sequence[Wanted], engines: dict[int, Engine]) -> Iterator[SameLength]:
    """Batches of equal length, the longest first within each window."""
    for start in range(0, len(wanted), WINDOW):
        window = wanted[start : start + WINDOW]
        texts = [str(samples.raw(example.index)) for example in window]
        ways = dict.fromkeys(_of_texts(need) for example in window for need in example.needs)
        for way in ways:
            ids = way(texts)
            by_length: dict[int, list[int]] = {}
            for i, tokens in enumerate(ids):
                by_length.setdefault(len(tokens), []).append(i)
            for length in sorted(by_length, reverse=True):
                yield from _batches(window, ids, by_length[length], way, engines)


def _batches(
    window: Sequence[Wanted], ids: list[list[int]], at: list[int], way: TextPreprocess, engines: dict[int, Engine]
) -> Iterator[SameLength]:
    length = len(ids[at[0]])
    for need in dict.fromkeys(need for i in at for need in window[i].needs if _of_texts(need) == way):
        mine = [i for i in at if need in window[i].needs]
        step = min(MOST, max(1, engines[id(need)].tokens // max(1, length)))
        for start in range(0, len(mine), step):
            chosen = mine[start : start + step]
            batch = np.array([ids[i] for i in chosen], np.int64).reshape(len(chosen), length)
            yield SameLength(need, tuple(window[i].key for i in chosen), batch)


def text_work(
    _samples: Samples, engines: dict[int, Engine]
) -> Callable[[SameLength], Iterator[tuple[Need, Row, bool]]]:
    """The results of one batch: (backbone and text, features or reason, whether to store them), for each text."""

    def work(task: SameLength) -> Iterator[tuple[Need, Row, bool]]:
        if not task.ids.shape[1]:
            for key in task.keys:
                yield task.need, Row(key, None, "the tokenizer finds nothing in this text"), True
            return
        for key, row in zip(task.keys, engines[id(task.need)].run(task.ids), strict=True):
            yield task.need, Row(key, row), True

    return work


def _of_texts(need: Need) -> TextPreprocess:
    preprocess = need.backbone.preprocess
    assert isinstance(preprocess, TextPreprocess)
    return preprocess
