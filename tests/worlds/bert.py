"""A small BERT as ``save_pretrained`` writes it, and reviews in the words that it knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import transformers

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.models.sources.transformers_models import quiet
from transferium.problems.classes import Classes

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "cat", "runs", "sleeps"]


def saved_text(folder: Path, pooling: str | None = None) -> torch.nn.Module:
    """A BERT of two thin layers with a word tokenizer, and optionally sentence-transformers' pooling files."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    model = transformers.BertModel(config).eval()
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    if pooling:
        kinds = ["Transformer", "Pooling", "Normalize"]
        modules = [
            {"path": "1_Pooling" if k == "Pooling" else "", "type": f"sentence_transformers.models.{k}"} for k in kinds
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({pooling: True, "word_embedding_dimension": 16}))
    return model


SLOTTED = [*WORDS, "[MASK]", "it", "was", ".", "pup", "##py"]


def saved_language_model(folder: Path, *, head: bool = True) -> torch.nn.Module:
    """A BERT of two thin layers with its head for masked tokens (or without), and a WordPiece tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(SLOTTED),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        initializer_range=0.5,
    )
    model = transformers.BertForMaskedLM(config).eval()
    with quiet():
        (model if head else model.bert).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(SLOTTED)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([word for word in SLOTTED if word.startswith("[")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return model


def sayings(n: int, seed: int, name: str) -> Domain:
    """``n`` sentences about dogs and cats, which are the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    items = [" ".join(["a", WORDS[5 + label], *rng.choice(WORDS[7:], rng.integers(1, 5))]) for label in y]
    return Domain(Items(items), "text", [f"{name} {i}" for i in range(n)], y, Classes(("dog", "cat")), name=name)
