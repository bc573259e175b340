"""Metrics of texts that were written, as functions of how often each example counts: ones give the estimates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistics = Callable[[NDArray[Any]], dict[str, Array]]
BLEU_ORDER, CHRF_ORDER, BETA = 4, 6, 2
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def words_of(text: str) -> list[str]:
    """Words and punctuation marks, as evaluations of machine translation cut texts (``13a`` of mteval and sacrebleu).

    >>> words_of("It's 1.5 m, he said.")
    ["It's", '1.5', 'm', ',', 'he', 'said', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for written, sign in _ENTITIES:
        text = text.replace(written, sign)
    text = f" {text} "
    for found, instead in _RULES:
        text = found.sub(instead, text)
    return text.split()


def translation_counts(true: Sequence[str], said: Sequence[str]) -> Array:
    """What BLEU and chrF add up over examples ``(n, 28)``.

    Of n-grams of words of orders 1 to 4 how many are right and how many were said, the words that were said and that
    are true; then of n-grams of signs of orders 1 to 6, without blanks, how many were said, are true, and are right.
    """
    return np.array([_translated(*pair) for pair in zip(true, said, strict=True)], np.float64).reshape(len(true), -1)


def _translated(true: str, said: str) -> list[int]:
    there, answered = words_of(true), words_of(said)
    row: list[int] = []
    for order in range(1, BLEU_ORDER + 1):
        right, count, _ = _shared(there, answered, order)
        row += [right, count]
    row += [len(answered), len(there)]
    letters, others = ("".join(text.split()) for text in (true, said))
    for order in range(1, CHRF_ORDER + 1):
        right, count, of = _shared(letters, others, order)
        row += [count if of else 0, of, right]  # what cannot be right is not held against an answer
    return row


def _shared(true: Sequence[str], said: Sequence[str], order: int) -> tuple[int, int, int]:
    """How many n-grams of one order are in both, in ``said``, and in ``true``."""
    there, answered = (
        Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1)) for text in (true, said)
    )
    return sum((there & answered).values()), sum(answered.values()), sum(there.values())


def translation_statistics(counts: Array) -> Statistics:
    """``chrf`` and ``bleu`` of ``translation_counts``, from 0 to 1, of counts of examples ``(some, n)``.

    ``chrf = 5 P R / (4 P + R)`` with the means ``P`` and ``R`` of precision and recall over orders (Popović 2015, β =
    2). ``bleu = min(1, exp(1 - true / said)) · (∏ precision of order 1 to 4)^¼`` (Papineni et al. 2002); a precision of
    0 counts as a half, a quarter, … of one n-gram. Both are a hundredth of what sacrebleu says of the whole corpus.

    >>> counts = translation_counts(["a cat sat on a mat"], ["a cat sat on the mat"])
    >>> {name: value.round(3).tolist() for name, value in translation_statistics(counts)(np.ones((1, 1))).items()}
    {'chrf': [0.665], 'bleu': [0.537]}
    """

    def compute(times: NDArray[Any]) -> dict[str, Array]:
        total = np.asarray(times, np.float64) @ counts
        at = 2 * BLEU_ORDER
        return {"chrf": _chrf(total[:, at + 2 :]), "bleu": _bleu(total[:, :at], total[:, at], total[:, at + 1])}

    return compute


def _chrf(total: Array) -> Array:
    said, there, right = (total[:, part::3] for part in range(3))
    known = (said > 0) & (there > 0)
    orders = np.maximum(known.sum(axis=1), 1)
    precision, recall = (
        np.where(known, right / np.maximum(whole, 1), 0).sum(axis=1) / orders for whole in (said, there)
    )
    below = BETA**2 * precision + recall
    score: Array = np.where(below > 0, (1 + BETA**2) * precision * recall / np.where(below > 0, below, 1), 0)
    return score


def _bleu(total: Array, said: Array, there: Array) -> Array:
    right, count = total[:, ::2], total[:, 1::2]
    halves = np.cumsum((right == 0) & (count > 0), axis=1)
    smoothed = np.where(right > 0, right, 0.5**halves) / np.maximum(count, 1)
    mean = np.exp(np.log(np.maximum(smoothed, 1e-300)).mean(axis=1))
    short = np.exp(np.minimum(0, 1 - there / np.maximum(said, 1)))
    score: Array = np.where((right > 0).any(axis=1) & (count > 0).all(axis=1), short * mean, 0)
    return score


def transcript_counts(true: Sequence[str], said: Sequence[str]) -> Array:
    """What error rates add up over examples ``(n, 5)``: changes of signs, signs that are true; the same of words; and
    whether anything is wrong.
    """
    rows = []
    for there, answered in zip(true, said, strict=True):
        words = there.split()
        wrong = edit_distance(there, answered), edit_distance(words, answered.split())
        rows.append([wrong[0], len(there), wrong[1], len(words), float(there != answered)])
    return np.array(rows, np.float64).reshape(len(rows), 5)


def transcript_statistics(counts: Array) -> Statistics:
    """``cer``, ``wer`` and ``wrong`` of ``transcript_counts``, of counts of examples ``(some, n)``.

    ``cer = Σ changes of signs / Σ signs`` with the fewest insertions, deletions and substitutions (Levenshtein 1966),
    ``wer`` the same of words; both may be above 1, and are those of jiwer. ``wrong`` is the share of examples with any
    mistake.

    >>> counts = transcript_counts(["seven", "one"], ["sevn", "one"])
    >>> {name: value.round(3).tolist() for name, value in transcript_statistics(counts)(np.ones((1, 2))).items()}
    {'cer': [0.125], 'wer': [0.5], 'wrong': [0.5]}
    """

    def compute(times: NDArray[Any]) -> dict[str, Array]:
        weights = np.asarray(times, np.float64)
        signs, all_signs, words, all_words, wrong = (weights @ counts).T
        return {
            "cer": signs / np.maximum(all_signs, 1),
            "wer": words / np.maximum(all_words, 1),
            "wrong": wrong / np.maximum(weights.sum(axis=1), 1),
        }

    return compute


def edit_distance(true: Sequence[Any], said: Sequence[Any]) -> int:
    """The fewest insertions, deletions and substitutions that make one of the other.

    >>> edit_distance("kitten", "sitting")
    3
    """
    numbers: dict[Any, int] = {}
    a, b = (np.array([numbers.setdefault(part, len(numbers)) for part in text], np.int64) for text in (true, said))
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, part in enumerate(a.tolist()):
        best = np.minimum(row[1:] + 1, row[:-1] + (b != part))
        # An insertion costs one more than what stands before it: the least of all before, each with its distance.
        row = np.minimum.accumulate(np.concatenate([[i + 1], best]) - steps) + steps
    return int(row[-1])
