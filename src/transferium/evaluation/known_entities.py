"""The naive reference for entities: what was an entity in the training part is one wherever it stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from transferium.functional.sequences.ragged import Ragged, ragged
from transferium.functional.sequences.tag_sequences import Span, spans_of, tags_of

Words = Sequence[str]
Phrases = dict[tuple[str, ...], int]


def known_phrases(sentences: Sequence[Words], labels: Ragged) -> Phrases:
    """Phrases that were entities at least as often as not, each with its most frequent type.

    >>> known_phrases([["In", "Rome"], ["Rome"]], ragged([np.array([0, 1]), np.array([1])]))
    {('Rome',): 0}
    """
    types: dict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
    for words, tags in zip(sentences, labels, strict=True):
        for start, stop, kind in spans_of(tags):
            types[tuple(words[start:stop])][kind] += 1
    lengths = sorted({len(phrase) for phrase in types})
    there = Counter(phrase for words in sentences for phrase, _ in _phrases(words, lengths) if phrase in types)
    return {phrase: found.most_common(1)[0][0] for phrase, found in types.items() if 2 * found.total() >= there[phrase]}


def answer_known(sentences: Sequence[Words], phrases: Phrases, tags: int) -> Ragged:
    """Tags of the known phrases in each sentence, as outputs ``(words, tags)`` of 0 and 1; the longest come first."""
    lengths = sorted({len(phrase) for phrase in phrases}, reverse=True)
    outputs = []
    for words in sentences:
        spans: list[Span] = []
        taken = np.zeros(len(words), bool)
        for phrase, start in _phrases(words, lengths):
            stop = start + len(phrase)
            if phrase in phrases and not taken[start:stop].any():
                spans.append((start, stop, phrases[phrase]))
                taken[start:stop] = True
        outputs.append(np.eye(tags)[tags_of(spans, len(words))])
    return ragged(outputs)


def _phrases(words: Words, lengths: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    for length in lengths:
        for start in range(len(words) - length + 1):
            yield tuple(words[start : start + length]), start
