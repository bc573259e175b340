"""A sentence: a text of which it is known where its words are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+|[^\w\s]")
"""Letters, digits and ``_`` together are a word; any other sign that is no blank is one of its own."""


@dataclass(frozen=True)
class Sentence:
    """A text and its words: word ``i`` is ``text[starts[i]:ends[i]]``.

    >>> Sentence.of_text("To Rome, now").words
    ('To', 'Rome', ',', 'now')
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def of_words(cls, words: Sequence[str]) -> Sentence:
        """Words with one blank between them; a word may hold blanks itself.

        >>> Sentence.of_words(["New York", "!"]).words
        ('New York', '!')
        """
        ends, at = [], -1
        for word in words:
            at += 1 + len(word)
            ends.append(at)
        starts = tuple(end - len(word) for end, word in zip(ends, words, strict=True))
        return cls(" ".join(words), starts, tuple(ends))

    @classmethod
    def of_text(cls, text: str) -> Sentence:
        """A text cut into words: letters and digits together, every other sign alone."""
        found = [match.span() for match in _WORD.finditer(text)]
        return cls(text, tuple(start for start, _ in found), tuple(end for _, end in found))

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text[start:end] for start, end in zip(self.starts, self.ends, strict=True))

    def place(self, first: int, behind: int) -> tuple[int, int]:
        """Where the words from ``first`` to the one before ``behind`` are in the text."""
        return self.starts[first], self.ends[behind - 1]

    def __len__(self) -> int:
        return len(self.starts)

    def __str__(self) -> str:
        return self.text
