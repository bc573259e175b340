"""Tokenizers: learned from a corpus, and what masking needs to know of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import BackboneError, DataError

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
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


def train_tokenizer(kind: str, documents: Iterable[str], size: int, lowercase: bool) -> Any:
    """A tokenizer of at most ``size`` pieces, learned from ``documents``: the same from the same.

    ``wordpiece`` splits at blanks, punctuation and Chinese characters, ``bpe`` is of bytes and knows every character,
    ``characters`` are single ones.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    trainer: Any
    common: dict[str, Any] = {"vocab_size": size, "special_tokens": list(SPECIAL), "show_progress": False}
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        # Letters inside words are numbered in no fixed order, and ties hang on numbers: they are named first.
        common["special_tokens"] += [f"##{letter}" for letter in _inside_words(tokenizer.normalizer, documents)]
        trainer = trainers.WordPieceTrainer(**common)
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *[normalizers.Lowercase()] * lowercase])
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
        trainer = trainers.BpeTrainer(**common, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    else:
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *[normalizers.Lowercase()] * lowercase])
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), decoders.Fuse()
        trainer = trainers.WordLevelTrainer(**common)
    tokenizer.train_from_iterator(documents, trainer)
    if kind == "wordpiece":
        tokenizer = _without_added(tokenizer)
    ends = [(CLS, tokenizer.token_to_id(CLS)), (SEP, tokenizer.token_to_id(SEP))]
    tokenizer.post_processor = processors.TemplateProcessing(f"{CLS} $A {SEP}", f"{CLS} $A {SEP} $B:1 {SEP}:1", ends)
    if tokenizer.get_vocab_size() <= len(SPECIAL) + 1:
        raise DataError(
            "the corpus is empty, or holds no two different pieces of text: there is nothing to learn from it."
        )
    return tokenizer


def _inside_words(normalizer: Any, documents: Iterable[str]) -> list[str]:
    """Every character that stands behind another one in a word, in order."""
    found: set[str] = set()
    for text in documents:
        found.update(*(word[1:] for word in set(normalizer.normalize_str(text).split())))
    return sorted(found)


def _without_added(tokenizer: Any) -> Any:
    """The same tokenizer, in which no pieces but the five special tokens stand apart from its vocabulary."""
    from tokenizers import Tokenizer

    told = json.loads(tokenizer.to_str())
    told["added_tokens"] = [token for token in told["added_tokens"] if token["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(told))


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
