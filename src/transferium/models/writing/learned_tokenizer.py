"""Tokenizers that are learned from texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from transferium.errors import DataError

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


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
