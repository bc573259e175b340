"""The n-grams of a text, and those of them that a fitted backbone counts, with how much each says."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

ORDERS = (1, 2, 3)
"""How many characters follow one another in an n-gram."""
LONGEST = 64
"""The most characters of a word that is counted; what is longer is no word of a language."""
SAMPLE = 20_000
"""The most texts that are counted when a vocabulary is fitted; more hardly change what is frequent."""
_WORD = re.compile(r"\w{4,}")
NOTHING = 0
"""The id of no n-gram: every text that is not empty begins with it, so that one of unknown n-grams can be read too."""


def ngrams(text: str) -> list[str]:
    """The runs of 1 to 3 characters, and the words of more; blanks count as one.

    >>> ngrams("心态好"), "hotel" in ngrams("a hotel")
    (['心', '态', '好', '心态', '态好', '心态好'], True)
    """
    text = " ".join(text.split())
    runs = [text[i : i + n] for n in ORDERS for i in range(len(text) - n + 1)]
    return runs + [word[:LONGEST] for word in _WORD.findall(text)]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The n-grams that are counted, the most widespread first; two of the same n-grams are equal.

    >>> found, weights = Vocabulary.fit(["ab", "a", "a b"], room=2)
    >>> found.grams, found.ids("aa c")
    (('a', 'b'), [0, 1, 1])
    >>> weights.round(2)
    array([1.  , 1.29], dtype=float32)
    """

    grams: tuple[str, ...]

    @classmethod
    def fit(cls, texts: Sequence[str], room: int) -> tuple[Vocabulary, NDArray[np.float32]]:
        """The ``room`` n-grams that are in most of the ``texts``, and the inverse document frequency of each.

        ``1 + ln((1 + n) / (1 + texts with it))``, as scikit-learn smooths it. No label is looked at. Of many texts
        ``SAMPLE``, evenly spread, are counted. Salton and Buckley, Term-weighting approaches in automatic text
        retrieval (1988).
        """
        if len(texts) > SAMPLE:
            texts = [texts[i] for i in np.linspace(0, len(texts) - 1, SAMPLE).astype(int)]
        within = Counter(chain.from_iterable(set(ngrams(text)) for text in texts))
        chosen = sorted(within, key=lambda gram: (-within[gram], len(gram), gram))[:room]
        known = np.array([within[gram] for gram in chosen], np.float64)
        return cls(tuple(chosen)), (1 + np.log((1 + len(texts)) / (1 + known))).astype(np.float32)

    def ids(self, text: str) -> list[int]:
        """``NOTHING``, and the place of each known n-gram, counted from 1; of a text without characters none at all."""
        place = self._place
        found = [place[gram] for gram in ngrams(text) if gram in place]
        return [NOTHING, *found] if text else []

    def unknown_share(self, texts: Sequence[str]) -> float:
        """The share of the characters of ``texts`` that are not counted; blanks are left out."""
        characters = [c for text in texts for c in text if not c.isspace()]
        return sum(c not in self._place for c in characters) / max(1, len(characters))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {gram: i for i, gram in enumerate(self.grams, start=1)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the n-grams in order."""
        return hashlib.sha256(json.dumps(self.grams).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self is other or self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)
