"""Embedding of sentences: a row for each word, the mean over its tokens."""

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
from transferium.embedding.texts import MOST, WINDOW
from transferium.models.word_preprocess import Window, WordPreprocess


@dataclass(frozen=True)
class Together:
    """Sentences that one backbone runs together: the windows of each, all of them of one length, or one sentence."""

    need: Need
    keys: tuple[str, ...]
    words: tuple[int, ...]
    windows: tuple[list[Window], ...]


def sentence_tasks(samples: Samples, wanted: Sequence[Wanted], engines: dict[int, Engine]) -> Iterator[Together]:
    """Sentences of one length in tokens together, the longest first; one of several windows alone."""
    for start in range(0, len(wanted), WINDOW):
        some = wanted[start : start + WINDOW]
        sentences = [samples.raw(example.index) for example in some]
        for need in dict.fromkeys(need for example in some for need in example.needs):
            mine = [i for i, example in enumerate(some) if need in example.needs]
            read = _way(need).windows([sentences[i] for i in mine])
            by_length: dict[int, list[int]] = {}
            for at, windows in enumerate(read):
                length = sum(len(window.ids) for window in windows)
                by_length.setdefault(length if len(windows) == 1 else -at - 1, []).append(at)
            for length in sorted(by_length, key=lambda n: (n < 0, abs(n)), reverse=True):
                step = min(MOST, max(1, engines[id(need)].tokens // max(1, length)))
                alike = by_length[length]
                for first in range(0, len(alike), step):
                    chosen = alike[first : first + step]
                    keys = tuple(some[mine[at]].key for at in chosen)
                    words = tuple(len(sentences[mine[at]]) for at in chosen)
                    yield Together(need, keys, words, tuple(read[at] for at in chosen))


def sentence_work(
    _samples: Samples, engines: dict[int, Engine]
) -> Callable[[Together], Iterator[tuple[Need, Row, bool]]]:
    """The results of some sentences: (backbone and sentence, a row for each word or a reason, whether to store it)."""

    def work(task: Together) -> Iterator[tuple[Need, Row, bool]]:
        engine, width = engines[id(task.need)], task.need.backbone.width
        if len(task.windows) > 1:
            tokens = list(engine.run(np.stack([windows[0].ids for windows in task.windows])))
        else:
            tokens = [engine.run(window.ids[None])[0] for window in task.windows[0]]
        for i, (key, words, windows) in enumerate(zip(task.keys, task.words, task.windows, strict=True)):
            if not windows:
                yield task.need, Row(key, None, "the tokenizer finds nothing in this sentence"), True
                continue
            rows = np.zeros((words, width), np.float32)
            for window, found in zip(windows, tokens if len(task.windows) == 1 else [tokens[i]], strict=True):
                rows += _means(window, found, words)
            yield task.need, Row(key, rows), True

    return work


def _means(window: Window, tokens: NDArray[np.float32], words: int) -> NDArray[np.float32]:
    """The mean of the rows of each word's tokens ``(words, width)``, noughts for words of other windows."""
    share = (window.words == np.arange(words)[:, None]).astype(np.float32)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1)
    means: NDArray[np.float32] = share @ tokens
    return means


def _way(need: Need) -> WordPreprocess:
    preprocess = need.backbone.preprocess
    assert isinstance(preprocess, WordPreprocess)
    return preprocess
