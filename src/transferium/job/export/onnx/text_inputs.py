"""Texts, alone or in pairs, as inputs of an exported graph: token ids, and what of them is padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.job.export.onnx.inner_graph import Arrays, Features, Network
from transferium.job.export.onnx.onnx_graph import GraphParts, described
from transferium.models.backbone import Backbone
from transferium.models.of_pairs import PARTS, compared
from transferium.models.preprocess import TextPreprocess

COUNTED = (
    "ids less 1 are bytes of UTF-8: decode them, without what is no character; blanks become one, none at the ends",
    "list all runs of 1, of 2 and of 3 characters, and the first 64 characters of each match of \\w{4,}",
    "ids are 0, then for each of these in vocabulary its place there, counted from 1",
)
"""The steps from tokens to the ids of a fitted vocabulary of n-grams (``functional/sequences/ngrams.py``)."""


def tokens(graph: GraphParts, backbone: Backbone, network: Network | None) -> tuple[list[bytes], str]:
    inputs = [described(name, "int64", ["n", "length"]) for name in ("ids", "mask")]
    return inputs, _each_text(graph, network, "ids", "mask")


def _each_text(graph: GraphParts, network: Network | None, ids: str, mask: str) -> str:
    """Features of each text without its padding: it is cut off, so that none can change an answer."""
    assert network is not None

    def unpadded(body: GraphParts, ids: str, mask: str) -> str:
        length = body.add("ReduceSum", mask, body.constant([0], "int64"), keepdims=1)
        return body.add("Slice", ids, body.constant([0], "int64"), length)

    return network.each(graph, [ids, mask], [("int64", ["length"])] * 2, unpadded)


def told_of_texts(backbone: Backbone) -> dict[str, Any]:
    told = _of_texts(backbone).to_json()
    counted = COUNTED if "vocabulary" in told else ()
    return told | {
        "tokenizer": "metadata 'tokenizer': a tokenizer.json of the library tokenizers",
        "input": "ids, mask: int64 (n, length); mask is 1 for tokens, then 0 for padding (pad_id)",
        "steps": [
            "tokenise, special tokens included; cut to max_length tokens",
            *counted,
            "pad at the end to one length",
        ],
    }


def some_texts(backbone: Backbone, features: Features) -> tuple[Arrays, NDArray[Any]]:
    texts = _of_texts(backbone).made_up()
    return padded(texts, _of_texts(backbone).pad_id), np.concatenate([features(one[None]) for one in texts])


def padded(texts: Sequence[NDArray[np.int64]], pad: int) -> Arrays:
    """``ids`` and ``mask`` of token ids of different lengths."""
    length = max(map(len, texts))
    ids, mask = np.full((len(texts), length), pad, np.int64), np.zeros((len(texts), length), np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return {"ids": ids, "mask": mask}


def _of_texts(backbone: Backbone) -> TextPreprocess:
    assert isinstance(backbone.preprocess, TextPreprocess)
    return backbone.preprocess


def two_texts(graph: GraphParts, backbone: Backbone, network: Network | None) -> tuple[list[bytes], str]:
    """Both sides of each pair one after another, and then compared as ``models.of_pairs.compared`` does."""
    width = backbone.width // PARTS
    length = graph.add("Concat", graph.constant([-1], "int64"), graph.add("Shape", "ids", start=2), axis=0)
    flat = [graph.add("Reshape", name, length) for name in ("ids", "mask")]
    rows = graph.add("Reshape", _each_text(graph, network, *flat), graph.constant([-1, 2, width], "int64"))
    u, v = (graph.add("Gather", rows, graph.constant(side, "int64"), axis=1) for side in range(2))
    apart = graph.add("Abs", graph.add("Sub", u, v))
    product = graph.add("Mul", graph.add("Mul", u, v), graph.constant(np.sqrt(width), "float32"))
    inputs = [described(name, "int64", ["n", 2, "length"]) for name in ("ids", "mask")]
    return inputs, graph.add("Concat", u, v, apart, product, axis=1)


def told_of_pairs(backbone: Backbone) -> dict[str, Any]:
    both = "ids, mask: int64 (n, 2, length), the first text of each pair and then the second"
    return told_of_texts(backbone) | {"input": f"{both}; mask is 1 for tokens, then 0 for padding (pad_id)"}


def some_pairs(backbone: Backbone, features: Features) -> tuple[Arrays, NDArray[Any]]:
    one, other = _of_texts(backbone).made_up()
    alone = [features(text[None]) for text in (one, other)]
    feeds = padded([one, other, other, one, one, one], _of_texts(backbone).pad_id)
    sides = (np.concatenate([alone[i] for i in order]) for order in ((0, 1, 0), (1, 0, 0)))
    return {name: array.reshape(3, 2, -1) for name, array in feeds.items()}, compared(*sides)
