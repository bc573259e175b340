"""Patterns: sentences around a text with a slot for one word, and the pieces that a tokenizer makes of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transferium.errors import BackboneError, InputError
from transferium.models.preprocess import TextPreprocess

TEXT, SLOT = "{text}", "{mask}"
MASKS = ("[MASK]", "<mask>")
"""What the token for a hidden piece is called, in BERT and in RoBERTa."""
Ids = tuple[int, ...]


def check_pattern(template: str) -> None:
    """Raise ``InputError`` unless a text and a slot have one place each.

    >>> check_pattern("{text} It was {mask}.")
    """
    if template.count(TEXT) != 1 or template.count(SLOT) != 1:
        raise InputError(
            f"a template has one {TEXT} where the text stands and one {SLOT} where a word of its label is looked for, "
            f"as in '{TEXT} It was {SLOT}.'; this one is {template!r} (a comma ends a template on the command line)."
        )


@dataclass(frozen=True)
class Pattern:
    """The ids ``before`` and ``after`` a text, one of them the ``mask``."""

    before: Ids
    after: Ids
    mask: int

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    def with_slots(self, count: int) -> Pattern:
        """The same with ``count`` masks in place of one."""
        return Pattern(self._widened(self.before, count), self._widened(self.after, count), self.mask)

    def _widened(self, ids: Ids, count: int) -> Ids:
        return tuple(i for one in ids for i in [one] * (count if one == self.mask else 1))


class Speller:
    """Patterns and words as the tokenizer of a backbone, which is ``called`` that, spells them.

    ``ends``: how many tokens it puts before and after each text. Raises ``BackboneError`` where it has no mask.
    """

    def __init__(self, preprocess: TextPreprocess, called: str) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: Any = Tokenizer.from_file(str(preprocess.tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.called = called
        there = self.tokenizer.get_vocab()
        self.sign = next((sign for sign in MASKS if sign in there), "")
        if not self.sign:
            raise BackboneError(
                f"the tokenizer of {called} has no token {' or '.join(MASKS)}, so no slot can be left for a word: take "
                "an encoder like BERT or RoBERTa."
            )
        self.mask = there[self.sign]
        marks = self.tokenizer.encode("a").special_tokens_mask
        inner = [at for at, mark in enumerate(marks) if not mark]
        self.ends = (inner[0], len(marks) - 1 - inner[-1])

    def pattern(self, template: str) -> Pattern:
        """A template as ids; the text keeps the pieces that it has alone."""
        before, after = (self._ids(side.replace(SLOT, self.sign)) for side in _sides(template))
        if (before + after).count(self.mask) != 1:
            raise InputError(f"template {template!r} holds {self.sign} beside {SLOT}: leave it out.")
        return Pattern(before, after, self.mask)

    def pieces(self, word: str, template: str) -> Ids:
        """The pieces of ``word`` at the slot; ``InputError`` where the vocabulary lacks one."""
        side = next(side for side in _sides(template) if SLOT in side)
        around, told = self._ids(side.replace(SLOT, self.sign)), self._ids(side.replace(SLOT, word))
        at = around.index(self.mask)
        first, last = around[:at], around[at + 1 :]
        found = told[at : len(told) - len(last)]
        if first + found + last != told or not found:
            raise InputError(
                f"the tokenizer of {self.called} joins {word!r} with what stands beside {SLOT} in {template!r}: put "
                f"blanks around {SLOT}."
            )
        unknown = getattr(self.tokenizer.model, "unk_token", None)
        if unknown is not None and self.tokenizer.token_to_id(unknown) in found:
            raise InputError(
                f"the vocabulary of {self.called} lacks a piece of the label word {word!r}: give another word with "
                "labels, a JSON object from each label to one word or more."
            )
        return found

    def _ids(self, text: str) -> Ids:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)


def _sides(template: str) -> tuple[str, str]:
    before, _, after = template.partition(TEXT)
    return before.rstrip(), after.rstrip()
