"""The backbone that counts the n-grams of a vocabulary: the fitted form of ``char_ngrams``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.sequences.ngrams import Vocabulary
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import GRAPHS, Tensors, UnboundGraph
from transferium.models.preprocess import TextPreprocess

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (2048, 4096, 8192)
"""How many n-grams can be counted; the package has a graph for each of these."""
FEWEST = 200
"""Of fewer texts hashed n-grams serve about as well: they are left as they are."""
MOST = 2**28
"""The most counts of all texts together (1 GB in single precision): of more texts fewer n-grams are counted.

Beyond it are the features of more than 131,072 texts, which are as narrow as can be, and of pairs: up to twice as many.
"""
ARCHITECTURE = "weighed_counts"


def fit_ngrams(hashed: Backbone, domains: Sequence[Domain]) -> Backbone:
    """``hashed`` with a vocabulary and weights in the place of its hashes, by the texts of ``domains`` without labels.

    Of fewer than ``FEWEST`` texts it is ``hashed`` itself.
    """
    read = hashed.preprocess
    assert isinstance(read, TextPreprocess)
    texts = list(read.spelled(_texts_in(domains)))
    if len(texts) < FEWEST:
        return replace(hashed, fitting=None)
    room = next((width for width in reversed(WIDTHS) if width * len(texts) <= MOST), WIDTHS[0])
    vocabulary, weights = Vocabulary.fit(texts, room)
    width = next(width for width in WIDTHS if width >= len(weights))
    return counting(hashed, vocabulary, np.pad(weights, (0, width - len(weights))))


def counting(hashed: Backbone, vocabulary: Vocabulary, weights: NDArray[np.float32]) -> Backbone:
    """The backbone of these n-grams, each with its weight; there may be more weights than n-grams."""
    read, width = hashed.preprocess, len(weights)
    assert isinstance(read, TextPreprocess)
    fingerprint = hashlib.sha256(f"{ARCHITECTURE} {vocabulary.digest} {width} ".encode() + weights.tobytes())
    graph = UnboundGraph(
        GRAPHS / f"{ARCHITECTURE}_{width}.onnx", partial(_tensors, weights), _as_they_are, _as_they_are, _loaded
    )
    return hashed.made_into(
        fingerprint.hexdigest(),
        graph.build,
        width=width,
        blocks=("weights",),
        preprocess=replace(read, vocabulary=vocabulary),
        fresh=partial(_loaded, _tensors(np.ones(width, np.float32))),
        graph=replace(graph, answers=""),  # those beside the graph are of other weights
        architecture={"library": "transferium", "architecture": ARCHITECTURE, "width": width, "any_size": False},
    )


def network_of(told: Mapping[str, Any]) -> nn.Module:
    """The network of a saved description."""
    return _loaded(_tensors(np.ones(int(told["width"]), np.float32)))


def _texts_in(domains: Sequence[Domain]) -> Iterator[str]:
    for domain in domains:
        yield from (str(domain.samples.raw(i)) for i in range(len(domain)))


def _tensors(weights: NDArray[np.float32]) -> Tensors:
    return {"weights": weights}


def _as_they_are(tensors: Tensors, seed: int = 0) -> Tensors:
    del seed  # nothing in it is random
    return tensors


def _loaded(tensors: Tensors) -> nn.Module:
    import torch

    from transferium.models.ngrams.weighed_counts import WeighedCounts

    return WeighedCounts(torch.from_numpy(tensors["weights"]))
