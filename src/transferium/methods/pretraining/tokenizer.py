"""What masking needs to know of a tokenizer, and what is written beside one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import BackboneError
from transferium.models.writing.learned_tokenizer import CLS, MASK, PAD, SEP, UNKNOWN

TOKENIZERS = ("wordpiece", "bpe", "characters")
NAMES = {"pad": (PAD, "<pad>"), "cls": (CLS, "<s>"), "sep": (SEP, "</s>"), "mask": (MASK, "<mask>")}
"""What the tokens around a text are called, in BERT and in RoBERTa."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A tokenizer as masking sees it.

    ``special`` and ``continues`` are ``bool (size,)``: is no part of a text; goes on with a word.
    """

    size: int
    ids: dict[str, int]
    unknown: int | None
    special: NDArray[np.bool_]
    continues: NDArray[np.bool_]

    @classmethod
    def of(cls, tokenizer: Any, whose: str) -> Vocabulary:
        """Raises ``BackboneError`` where a token that is needed is missing."""
        words: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
        ids = {}
        for use, names in NAMES.items():
            found = next((words[name] for name in names if name in words), None)
            if found is None:
                raise BackboneError(
                    f"the tokenizer of {whose} has no token {' or '.join(names)}, so there is nothing to "
                    f"{'mask' if use == 'mask' else 'mark texts'} with: take an encoder like BERT or RoBERTa."
                )
            ids[use] = found
        size = max(words.values()) + 1
        special, continues = np.zeros(size, bool), np.zeros(size, bool)
        special[[number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]] = True
        special[list(ids.values())] = True
        goes_on = _continues(tokenizer)
        continues[[number for word, number in words.items() if goes_on(word)]] = True
        unknown = next((words[name] for name in (UNKNOWN, "<unk>") if name in words), None)
        if unknown is not None:
            special[unknown] = False  # it stands for a part of a text
        return cls(size, ids, unknown, special, continues & ~special)


def _continues(tokenizer: Any) -> Any:
    """Whether a piece goes on with a word: by ``##``, or by a missing sign for a blank before it."""
    told = json.loads(tokenizer.to_str())
    if told["model"]["type"] == "WordPiece":
        prefix = told["model"]["continuing_subword_prefix"]
        return lambda word: word.startswith(prefix)
    for sign in ("Ġ", "▁"):
        if any(word.startswith(sign) for word in tokenizer.get_vocab()) and told["model"]["type"] != "WordLevel":
            return lambda word: not word.startswith(sign)
    return lambda word: False


def save_tokenizer(file: Path, folder: Path, longest: int) -> None:
    """Write ``tokenizer.json`` and what transformers reads beside it."""
    import transformers
    from tokenizers import Tokenizer

    there = Tokenizer.from_file(str(file)).get_vocab()
    known = NAMES | {"unk": (UNKNOWN, "<unk>")}
    found = {use: next((name for name in called if name in there), None) for use, called in known.items()}
    names = {f"{use}_token": name for use, name in found.items() if name is not None}
    made = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file), model_max_length=longest, **names)
    made.save_pretrained(folder)
