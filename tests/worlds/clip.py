"""A small CLIP as ``save_pretrained`` writes it: pictures of 32 pixels, and the words of :data:`WORDS`."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers

from transferium.models.sources.transformers_models import quiet

WORDS = ["[UNK]", "<start>", "a", "photo", "picture", "of", "dog", "big", "cat", ".", "<end>"]


def saved_clip(folder: Path) -> torch.nn.Module:
    """Two layers in each tower, random weights, eight features."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(1)
    thin = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    end = WORDS.index("<end>")
    text = thin | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": end}
    config = transformers.CLIPConfig(
        text_config=text, vision_config=thin | {"image_size": 32, "patch_size": 8}, projection_dim=8
    )
    model = transformers.CLIPModel(config).eval()
    with quiet():
        model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", end)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    reading = {
        "size": {"height": 32, "width": 32},
        "resample": 3,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.5, 0.5, 0.5],
        "do_normalize": True,
        "image_processor_type": "CLIPImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(reading))
    return model
