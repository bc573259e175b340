"""A small language and its translation, and an encoder-decoder of transformers as ``save_pretrained`` writes it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.models.sources.transformers_models import quiet

WORDS = {"one": "un", "two": "deux", "red": "rouge", "blue": "bleu", "dog": "chien", "cat": "chat"}
SPECIAL = ["<pad>", "</s>", "<unk>"]


def captions() -> Domain:
    """All 8 phrases of a count, a colour and an animal, each in the order of the other language."""
    english = [*product(("one", "two"), ("red", "blue"), ("dog", "cat"))]
    french = [" ".join(WORDS[word] for word in (count, animal, colour)) for count, colour, animal in english]
    return read([*map(" ".join, english)], kind="text", label=french, problem="translation")


def saved_t5(folder: Path) -> Any:
    """A T5 of thin layers, with a tokenizer of words for both languages."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pieces = {word: i for i, word in enumerate([*SPECIAL, *WORDS, *WORDS.values()])}
    torch.manual_seed(1)
    config = transformers.T5Config(
        vocab_size=len(pieces),
        d_model=16,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        dropout_rate=0.0,
    )
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B:1 </s>:1", [("</s>", 1)])
    with quiet():
        model = transformers.T5ForConditionalGeneration(config).eval()
        model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return model
