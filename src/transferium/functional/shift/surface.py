"""Differences between two domains that need no model: measures of pictures and of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from transferium.functional.matrices import Array, Floats

_WORD = re.compile(r"[^\W\d_]+|[\u3040-\u30ff\u3400-\u9fff]")


def picture_measures(rgb: np.ndarray[Any, Any]) -> dict[str, float]:
    """Width, height (pixels), brightness, contrast and colourfulness of ``rgb (h, w, 3)`` with values 0 to 255.

    Brightness and contrast are the mean and standard deviation of luma as shares of 255. Colourfulness is the mean
    distance of a pixel's channels from their own mean, also a share: 0 for any grey picture.

    >>> picture_measures(np.full((2, 3, 3), 255, np.uint8))["brightness"]
    1.0
    """
    values = np.asarray(rgb, np.float64) / 255
    luma = values @ [0.299, 0.587, 0.114]
    colour = np.abs(values - values.mean(axis=2, keepdims=True)).mean()
    height, width = values.shape[:2]
    return {
        "width": float(width),
        "height": float(height),
        "brightness": round(float(luma.mean()), 6),
        "contrast": float(luma.std()),
        "colourfulness": float(colour),
    }


def standardised_difference(source: Sequence[float] | Floats, target: Sequence[float] | Floats) -> float:
    """``(mean_t - mean_s) / sqrt((var_s + var_t) / 2)`` (Cohen's d); capped at ±100 where neither varies.

    >>> standardised_difference([0.0, 2.0], [2.0, 4.0])
    2.0
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if (largest := max(np.abs(a).max(), np.abs(b).max())) > 1e100:  # their squares would overflow
        a, b = a / largest, b / largest
    gap, spread = float(b.mean() - a.mean()), float(np.sqrt((a.var() + b.var()) / 2))
    if gap == 0:
        return 0.0
    return float(np.clip(gap / spread if spread > 0 else np.sign(gap) * np.inf, -100, 100))


def total_variation(p: Floats, q: Floats) -> float:
    """``Σ |p - q| / 2`` of two distributions: the share of one that would have to move to make it the other.

    >>> total_variation(np.array([0.5, 0.5]), np.array([0.75, 0.25]))
    0.25
    """
    return float(np.abs(p - q).sum() / 2)


@dataclass(frozen=True)
class Vocabulary:
    """``unseen`` is the share of the target's running words that the source never has; ``distance`` is Jensen-Shannon.

    ``distance`` is between the two distributions of words, in bits, 0 to 1. ``target_words`` and ``source_words`` are
    those that the other domain has least of for how often they occur here.
    """

    unseen: float
    distance: float
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    mean_words: tuple[float, float]


def compare_vocabulary(source: Iterable[str], target: Iterable[str], *, most: int = 12) -> Vocabulary:
    """How the words of two sets of texts differ; a word is a run of letters, or one character of Chinese or kana.

    >>> found = compare_vocabulary(["a good book", "a bad book"], ["a good knife"])
    >>> found.target_words[0], round(found.unseen, 3)
    ('knife', 0.333)
    """
    texts = list(source), list(target)
    counts = [Counter(word for text in side for word in words_of(text)) for side in texts]
    totals = [max(sum(c.values()), 1) for c in counts]
    known = sorted(counts[0] | counts[1])
    p, q = (np.array([c[w] for w in known], np.float64) / n for c, n in zip(counts, totals, strict=True))
    middle = (p + q) / 2
    weight = [_surprise(p, middle), _surprise(q, middle)]
    unseen = sum(n for word, n in counts[1].items() if word not in counts[0]) / totals[1]
    telling = [tuple(known[i] for i in np.argsort(-w, kind="stable")[:most] if w[i] > 0) for w in weight]
    distance = float(np.clip((weight[0].sum() + weight[1].sum()) / 2, 0.0, 1.0))
    return Vocabulary(unseen, distance, telling[0], telling[1], (totals[0] / len(texts[0]), totals[1] / len(texts[1])))


def words_of(text: str) -> list[str]:
    """The words of ``text`` in lower case."""
    return _WORD.findall(text.lower())


def _surprise(p: Array, middle: Array) -> Array:
    """``p log2(p / middle)`` for every word, 0 where ``p`` is 0."""
    return p * np.log2(np.divide(p, middle, out=np.ones_like(p), where=p > 0))
