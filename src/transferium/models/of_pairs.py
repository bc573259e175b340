"""A text encoder as the backbone of pairs of texts: each side is embedded alone, and compared with the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone, Fitting
from transferium.models.pair_preprocess import PairPreprocess
from transferium.models.preprocess import TextPreprocess

PARTS = 4


def of_pairs(text: Backbone) -> Backbone:
    """The backbone of pairs that compares what ``text`` makes of both sides: the same weights, four times the width."""
    read = text.preprocess
    if not isinstance(read, TextPreprocess):
        raise BackboneError(f"{text.name} reads texts its own way, and pairs need a tokenizer.")
    pre = PairPreprocess(read.tokenizer, read.max_length, read.pad_id, read.vocabulary)
    fitting = None if text.fitting is None else partial(_fitted, text.fitting)
    return replace(text, kind="pair", width=PARTS * text.width, preprocess=pre, fitting=fitting)


def _fitted(fitting: Fitting, pair: Backbone, domains: Sequence[Domain]) -> Backbone:
    """The backbone of pairs whose one for texts is fitted to both sides of each pair."""
    texts = [str(text) for domain in domains for i in range(len(domain)) for text in domain.samples.raw(i)]
    return of_pairs(fitting(of_one_side(pair), [Domain(Items(texts), "text", list(map(str, range(len(texts)))))]))


def of_one_side(pair: Backbone) -> Backbone:
    """The backbone of texts that a backbone of pairs is made of; what it computes is kept for every pair and text."""
    read = pair.preprocess
    assert isinstance(read, PairPreprocess)
    pre = TextPreprocess(read.tokenizer, read.max_length, read.pad_id, read.vocabulary)
    return replace(pair, kind="text", width=pair.width // PARTS, preprocess=pre, fitting=None)


def compared(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """``u``, ``v``, ``|u - v|`` and ``u·v`` side by side ``(n, 4 width)``, the last times the root of the width.

    Conneau et al., "Supervised learning of universal sentence representations from natural language inference data"
    (2017). Products of rows of length 1 are smaller than their parts by about that root, and one penalty is for all.

    >>> compared(np.array([[0.6, 0.8]]), np.array([[0.6, -0.8]])).shape
    (1, 8)
    """
    return np.concatenate([u, v, np.abs(u - v), u * v * np.float32(np.sqrt(u.shape[1]))], axis=1)
