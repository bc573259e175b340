"""Entities as tags of words (BIO), and the best tags that are legal one after another.

Of ``k`` types there are ``1 + 2 k`` tags: 0 is outside of any entity, ``1 + 2 t`` begins one of type ``t``, and
``2 + 2 t`` goes on with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.functional.sequences.ragged import Ragged, lengths, ragged

Span = tuple[int, int, int]
"""First word, the word behind the last, and the number of the type."""
ILLEGAL = -1e30


def spans_of(tags: Sequence[int] | NDArray[np.integer]) -> list[Span]:
    """The entities of one sentence in order; a tag that goes on with nothing begins an entity.

    >>> spans_of([1, 2, 0, 4, 3])
    [(0, 2, 0), (3, 4, 1), (4, 5, 1)]
    """
    found: list[Span] = []
    start, open_type = 0, -1
    for i, tag in enumerate([*map(int, tags), 0]):
        goes_on = tag > 0 and tag % 2 == 0 and (tag - 1) // 2 == open_type
        if goes_on:
            continue
        if open_type >= 0:
            found.append((start, i, open_type))
        start, open_type = i, (tag - 1) // 2 if tag else -1
    return found


def tags_of(spans: Sequence[Span], words: int) -> NDArray[np.int64]:
    """The tags of a sentence of so many words; the opposite of :func:`spans_of`.

    >>> tags_of([(0, 2, 0), (3, 4, 1)], 5).tolist()
    [1, 2, 0, 3, 0]
    """
    tags = np.zeros(words, np.int64)
    for start, stop, kind in spans:
        tags[start:stop] = 2 + 2 * kind
        tags[start] = 1 + 2 * kind
    return tags


def span_probability(outputs: NDArray[np.float64], span: Span) -> float:
    """How probable it is that exactly these words are an entity of that type, from ``outputs (words, tags)``.

    ``p(begins) · Π p(goes on) · (1 - p(goes on behind it))``: words are taken as independent.

    >>> span_probability(np.array([[0.2, 0.8, 0.0], [0.5, 0.0, 0.5]]), (0, 1, 0))
    0.4
    """
    first, behind, kind = span
    begins, goes_on = 1 + 2 * kind, 2 + 2 * kind
    inside = outputs[first, begins] * outputs[first + 1 : behind, goes_on].prod()
    return float(inside * (1 - outputs[behind, goes_on] if behind < len(outputs) else 1))


def legal(tags: int) -> NDArray[np.bool_]:
    """Which tag may follow which ``(tags, tags)``: one that goes on stands behind its own type alone."""
    follows = np.ones((tags, tags), bool)
    for inside in range(2, tags, 2):
        follows[:, inside] = False
        follows[[inside - 1, inside], inside] = True
    return follows


def best_tags(outputs: Ragged) -> Ragged:
    """The most probable tags of each sentence that are legal, from probabilities of its words ``(words, tags)``.

    Words are taken as independent but for what is legal (Viterbi): of all legal sequences, the one with the largest
    product of probabilities. Of equals, the lower tag.

    >>> best_tags(ragged([np.array([[0.6, 0.4, 0.0], [0.1, 0.1, 0.8]])]))[0].tolist()
    [1, 2]
    """
    n = lengths(outputs)
    if not len(n):
        return outputs
    order = np.argsort(-n, kind="stable")
    longest, tags = int(n.max(initial=0)), max((row.shape[1] for row in outputs), default=1)
    step = np.where(legal(tags), 0.0, ILLEGAL)
    score = np.zeros((len(n), max(1, longest), tags))
    for at, i in enumerate(order):
        with np.errstate(divide="ignore"):
            score[at, : n[i]] = np.maximum(np.log(outputs[i]), ILLEGAL / 1e6)
    score[:, 0, 2::2] += ILLEGAL
    came = np.zeros((len(n), max(1, longest), tags), np.int64)
    for word in range(1, longest):
        going = int((n[order] > word).sum())  # the longest stand first
        through = score[:going, word - 1, :, None] + step
        came[:going, word] = through.argmax(axis=1)
        score[:going, word] += through.max(axis=1)
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(n)
    for at, i in enumerate(order):
        path = np.zeros(n[i], np.int64)
        for word in range(n[i] - 1, -1, -1):
            path[word] = score[at, word].argmax() if word == n[i] - 1 else came[at, word + 1, path[word + 1]]
        found[i] = path
    return ragged(found)
