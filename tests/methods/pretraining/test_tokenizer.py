"""Tokenizers learned from a corpus: all three kinds, Chinese included, and what masking needs to know of them."""

import pytest
from tokenizers import Tokenizer, models

from transferium.errors import BackboneError, DataError
from transferium.methods.pretraining.tokenizer import Vocabulary
from transferium.models.writing.learned_tokenizer import train_tokenizer

TEXTS = ["the weather is fine today", "today the weathermen are fine", "天气很好", "今天天气好"] * 5


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "characters"])
def test_a_learned_tokenizer_reads_back_what_it_was_given(kind: str) -> None:
    tokenizer = train_tokenizer(kind, TEXTS, 400, True)
    assert train_tokenizer(kind, TEXTS, 400, True).to_str() == tokenizer.to_str()
    for text in TEXTS[:4]:
        encoded = tokenizer.encode(text)
        assert encoded.tokens[0] == "[CLS]" and encoded.tokens[-1] == "[SEP]" and "[UNK]" not in encoded.tokens
        assert tokenizer.decode(encoded.ids).replace(" ", "") == text.replace(" ", "")


def test_pieces_that_go_on_with_a_word_are_known() -> None:
    for kind, sign in (("wordpiece", "##"), ("bpe", None), ("characters", None)):
        tokenizer = train_tokenizer(kind, TEXTS, 400, True)
        vocabulary = Vocabulary.of(tokenizer, "it")
        words = [tokenizer.id_to_token(i) for i in range(vocabulary.size)]
        assert vocabulary.special.nonzero()[0].tolist() == [0, 2, 3, 4]
        found = {word for word, goes_on in zip(words, vocabulary.continues, strict=True) if goes_on}
        if sign:
            assert found == {word for word in words if word.startswith(sign)} != set()
        else:
            assert ("e" in found) == (kind == "bpe") and not any(word.startswith("Ġ") for word in found)


def test_a_corpus_of_one_token_and_a_tokenizer_without_masks_are_refused() -> None:
    with pytest.raises(DataError, match="no two different pieces"):
        train_tokenizer("characters", ["a", "a"], 100, True)
    with pytest.raises(BackboneError, match="has no token"):
        Vocabulary.of(Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]")), "it")
