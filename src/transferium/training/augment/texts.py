"""Random changes to a text before it is tokenised, each a pure function of (seed, epoch, row).

No synonyms, no word lists, no keyboard layout: nothing here knows a language. Words are what lies between spaces, and
in Chinese and Japanese each character.

Swapping and deleting: Wei and Zou, "EDA: Easy data augmentation techniques for boosting performance on text
classification tasks" (2019). Slips of letters: Belinkov and Bisk, "Synthetic and natural noise both break neural
machine translation" (2018). One mask for a run of words: Lewis et al., "BART: Denoising sequence-to-sequence
pre-training for natural language generation, translation, and comprehension" (2020).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transferium.training.augment.recipe import TEXTS, read_for

Words = list[str]
_SCRIPT = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SCRIPT}]|[^\s{_SCRIPT}]+")
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True)
class TextAugment:
    """The changes of a recipe that was read; ``mask`` is the tokenizer's word for something hidden, or None.

    >>> change = TextAugment({"swap": 0.5})
    >>> change("a good film indeed", 0, 0, 3) == change("a good film indeed", 0, 0, 3)
    True
    >>> sorted(change("a good film indeed", 0, 0, 3).split())
    ['a', 'film', 'good', 'indeed']
    """

    amounts: Mapping[str, float]
    mask: str | None = None

    def __call__(self, text: str, seed: int, epoch: int, row: int) -> str:
        """``text`` as row ``row`` is seen in ``epoch``; a text that has words keeps at least one."""
        rng = np.random.default_rng([seed, epoch, row])
        for name, amount in self.amounts.items():
            words, gaps = _split(text)
            if words:
                text = CHANGES[name](words, gaps, amount, rng, self.mask)
        return text


def find_text_augment(recipe: str, tokenizer: Path | None = None) -> TextAugment | None:
    """The changes that ``recipe`` names for texts, or None where there are none."""
    amounts = read_for(TEXTS, recipe)
    return TextAugment(amounts, mask_token(tokenizer)) if amounts else None


def mask_token(tokenizer: Path | None) -> str | None:
    """What a ``tokenizer.json`` writes for a hidden word, or None where it has no such token."""
    if tokenizer is None:
        return None
    added = json.loads(tokenizer.read_text(encoding="utf-8")).get("added_tokens", [])
    known = {token["content"] for token in added}
    return next((mask for mask in _MASKS if mask in known), None)


def swap(words: Words, gaps: Words, amount: float, rng: np.random.Generator, _mask: str | None) -> str:
    """``Binomial(n, amount)`` times, two words trade places."""
    for _ in range(rng.binomial(len(words), amount)):
        i, j = rng.integers(len(words), size=2)
        words[i], words[j] = words[j], words[i]
    return _join(words, gaps)


def delete(words: Words, gaps: Words, amount: float, rng: np.random.Generator, _mask: str | None) -> str:
    """Each word is lost with probability ``amount``; where all would be, one stays."""
    stays = rng.random(len(words)) >= amount
    if not stays.any():
        stays[rng.integers(len(words))] = True
    return _kept(words, gaps, stays)


def letters(words: Words, gaps: Words, amount: float, rng: np.random.Generator, _mask: str | None) -> str:
    """At each letter, with probability ``amount``: it trades places with the next, is lost, or gains a neighbour.

    The neighbour is a letter of the same text. Words of one letter are left alone; characters without spaces between
    them, as in Chinese, are the letters of one word here.
    """
    words, gaps = _runs(words, gaps)
    pool = [letter for word in words for letter in word if letter.isalpha()] or [""]
    for at, word in enumerate(words):
        slips = np.flatnonzero(rng.random(len(word)) < amount)
        if len(word) > 1 and len(slips):
            words[at] = _slipped(word, slips, pool, rng)
    return _join(words, gaps)


def span(words: Words, gaps: Words, amount: float, rng: np.random.Generator, mask: str | None) -> str:
    """A run of about ``amount`` of the words becomes one mask token, or is lost where the tokenizer has none."""
    length = min(rng.binomial(len(words), amount), len(words) - 1)
    if length == 0:
        return _join(words, gaps)
    start = int(rng.integers(len(words) - length + 1))
    stays = np.ones(len(words), bool)
    stays[start : start + length] = False
    if mask is not None:
        words[start], stays[start] = mask, True
        gaps[start] = gaps[start] or " "
    return _kept(words, gaps, stays)


CHANGES: dict[str, Callable[[Words, Words, float, np.random.Generator, str | None], str]] = {
    "swap": swap,
    "delete": delete,
    "letters": letters,
    "span": span,
}


def _split(text: str) -> tuple[Words, Words]:
    """The words, and what follows each of them."""
    found = list(_WORD.finditer(text))
    starts = [*(word.start() for word in found[1:]), len(text)]
    gaps = [text[word.end() : start] for word, start in zip(found, starts, strict=False)]
    return [word.group() for word in found], gaps


def _runs(words: Words, gaps: Words) -> tuple[Words, Words]:
    """Words between which there is nothing as one.

    >>> _runs(["a", "b", "c"], ["", " ", ""])
    (['ab', 'c'], [' ', ''])
    """
    joined, after = [""], [""]
    for word, gap in zip(words, gaps, strict=True):
        joined[-1], after[-1] = joined[-1] + word, gap
        if gap:
            joined.append("")
            after.append("")
    return (joined, after) if joined[-1] else (joined[:-1], after[:-1])


def _join(words: Words, gaps: Words) -> str:
    return "".join(piece for pair in zip(words, gaps, strict=True) for piece in pair)


def _kept(words: Words, gaps: Words, stays: np.ndarray) -> str:
    at = np.flatnonzero(stays)
    return _join([words[i] for i in at], [gaps[i] for i in at]).rstrip()


def _slipped(word: str, slips: np.ndarray, pool: Words, rng: np.random.Generator) -> str:
    made = list(word)
    # From the end, so that what was found earlier stays where it was.
    for i in slips[::-1]:
        kind = rng.integers(3)
        if kind == 0 and i + 1 < len(made):
            made[i], made[i + 1] = made[i + 1], made[i]
        elif kind == 1 and len(made) > 1:
            del made[i]
        else:
            made.insert(i, pool[rng.integers(len(pool))])
    return "".join(made)
