"""A text encoder that gives a row for each token; as the backbone of sentences, the rows of a word are averaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from transferium.data.domain import Domain
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone, Fitting
from transferium.models.graphs.unbound_graph import Tensors, UnboundGraph
from transferium.models.preprocess import TextPreprocess
from transferium.models.word_preprocess import WordPreprocess

if TYPE_CHECKING:
    from torch import nn


def per_word(text: Backbone) -> Backbone:
    """The backbone of sentences that the backbone of texts ``text`` is before it pools; it needs no torch.

    Raises ``BackboneError`` for one that reads texts its own way.
    """
    made, read = per_token(text, "entities need an encoder of words"), text.preprocess
    assert isinstance(read, TextPreprocess)
    return replace(
        made, kind="sentence", preprocess=WordPreprocess(read.tokenizer, read.max_length, read.pad_id), whole=None
    )


def per_token(text: Backbone, why: str = "a text is written from the tokens of another") -> Backbone:
    """``text`` before it pools: a row for each token. One that is fitted to texts first is so once it is.

    Raises ``BackboneError`` for one that reads texts its own way; ``why`` says what the rows are for.
    """
    if text.output == "tokens":
        return text
    read = text.preprocess
    if not isinstance(read, TextPreprocess) or not text.blocks[:1] or "." not in text.blocks[0]:
        raise BackboneError(
            f"{text.name} gives one row for a whole text and none for each word: {why}, "
            "such as all_minilm_l6_v2 or hf/<owner>/<name>."
        )
    if text.fitting is not None:
        return replace(text, fitting=partial(_fitted, text.fitting, why))
    graph = text.graph if isinstance(text.graph, UnboundGraph) else None
    return text.made_into(
        fingerprint_per_word(text.fingerprint),
        partial(_unpooled, text.build),
        output="tokens",
        fresh=None if text.fresh is None else partial(_unpooled, text.fresh),
        architecture=None if text.architecture is None else {**text.architecture, "output": "tokens"},
        graph=None if graph is None else _graph_per_word(graph),
        whole=text.whole,
    )


def _fitted(fitting: Fitting, why: str, text: Backbone, domains: Sequence[Domain]) -> Backbone:
    return per_token(fitting(replace(text, fitting=fitting), domains), why)


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
