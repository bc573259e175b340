"""A text encoder as the backbone of sentences: it gives a row for each token, and the rows of a word are averaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.preprocess import TextPreprocess
from transferium.models.word_preprocess import WordPreprocess

if TYPE_CHECKING:
    from torch import nn


def per_word(text: Backbone) -> Backbone:
    """The backbone of sentences that the backbone of texts ``text`` is before it pools; it needs no torch.

    Raises ``BackboneError`` for one that reads texts its own way.
    """
    read = text.preprocess
    if not isinstance(read, TextPreprocess) or not text.blocks[:1] or "." not in text.blocks[0]:
        raise BackboneError(
            f"{text.name} gives one row for a whole text and none for each word: entities need an encoder of words, "
            "such as all_minilm_l6_v2 or hf/<owner>/<name>."
        )
    graph = text.graph if isinstance(text.graph, UnboundGraph) else None
    return text.made_into(
        fingerprint_per_word(text.fingerprint),
        partial(_unpooled, text.build),
        kind="sentence",
        output="tokens",
        preprocess=WordPreprocess(read.tokenizer, read.max_length, read.pad_id),
        fresh=None if text.fresh is None else partial(_unpooled, text.fresh),
        architecture=None if text.architecture is None else {**text.architecture, "output": "tokens"},
        graph=None if graph is None else _graph_per_word(graph),
    )


def fingerprint_per_word(fingerprint: str) -> str:
    """The fingerprint of :func:`per_word` of a backbone with that one."""
    return hashlib.sha256(f"a row for each token of {fingerprint}".encode()).hexdigest()


def _graph_per_word(graph: UnboundGraph) -> UnboundGraph:
    file = graph.file.with_name(f"{graph.file.stem}.tokens{graph.file.suffix}")
    return replace(graph, file=file, load=partial(_loaded, graph.load))


def _loaded(load: Callable[[Tensors], nn.Module], tensors: Tensors) -> nn.Module:
    return _unpooled(partial(load, tensors))


def _unpooled(build: Callable[[], nn.Module]) -> nn.Module:
    """The encoder that ``build`` makes, without what it does to the rows of its tokens."""
    return unpooled(build())


def unpooled(module: nn.Module) -> nn.Module:
    """A text encoder that gives the rows of its tokens from now on."""
    if not hasattr(module, "pooling"):
        raise BackboneError(f"a {type(module).__name__} gives one row for a whole text and none for each word.")
    module.pooling, module.normalise = "tokens", False  # type: ignore[assignment]  # of a TextEncoder, plain values
    return module
