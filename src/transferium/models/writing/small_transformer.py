"""A small untrained encoder of texts: its tokenizer is learned from the texts that it is fitted to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Domain
from transferium.models.backbone import Backbone
from transferium.models.preprocess import TextPreprocess
from transferium.models.writing.learned_tokenizer import PAD, train_tokenizer
from transferium.system.cache_dir import home
from transferium.system.write_atomically import write_atomically

if TYPE_CHECKING:
    from torch import nn

PIECES, TOKENS = 4000, 128
CONFIG = {
    "model_type": "bert",
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "max_position_embeddings": TOKENS,
    "type_vocab_size": 1,
}
BLOCKS = ("model.embeddings", *(f"model.encoder.layer.{k}" for k in range(int(str(CONFIG["num_hidden_layers"])))))


def fit_transformer(
    network: Callable[[Mapping[str, Any]], nn.Module], unfitted: Backbone, domains: Sequence[Domain]
) -> Backbone:
    """An encoder as BERT is one, of 3 layers of width 128 with random weights, for the texts of ``domains``.

    Its tokenizer is BPE of bytes with up to ``PIECES`` pieces, learned from these texts without labels and kept by its
    content below the cache folder; a text of more than ``TOKENS`` tokens is cut. ``network`` makes the module that a
    description tells of.
    """
    texts = [str(domain.samples.raw(i)) for domain in domains for i in range(len(domain))]
    tokenizer = train_tokenizer("bpe", texts, PIECES, lowercase=False)
    content = tokenizer.to_str()
    digest = hashlib.sha256(content.encode()).hexdigest()
    file = home() / "tokenizers" / f"{digest[:32]}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    config = CONFIG | {"vocab_size": tokenizer.get_vocab_size()}
    told = {"library": "transformers", "kind": "text", "config": config, "any_size": True}
    told |= {"pooling": "mean", "normalise": False}
    build = partial(network, told)
    words = json.dumps([told, digest], sort_keys=True)
    return unfitted.made_into(
        hashlib.sha256(words.encode()).hexdigest(),
        partial(_drawn_once, build),
        width=CONFIG["hidden_size"],
        blocks=BLOCKS,
        preprocess=TextPreprocess(file, TOKENS, tokenizer.token_to_id(PAD)),
        fresh=build,
        architecture=told,
    )


def _drawn_once(build: Callable[[], nn.Module]) -> nn.Module:
    """The module with the random weights that it always begins with."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().eval()
