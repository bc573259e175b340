"""An encoder as the backbone of pairs: each side is embedded alone, and compared with the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.modality import KINDS
from transferium.data.samples import Items
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone, Fitting
from transferium.models.pair_preprocess import ONE_SIDE, PairReader, read_as

PARTS = 4


def of_pairs(one: Backbone, reader: type[PairReader]) -> Backbone:
    """The backbone of pairs that compares what ``one`` makes of both sides: the same weights, four times the width."""
    if type(one.preprocess) is not ONE_SIDE[reader]:
        raise BackboneError(
            f"{one.name} reads {KINDS[one.kind]} its own way, and pairs of them need a {ONE_SIDE[reader].__name__}."
        )
    kind: Any = reader.kind
    fitting = None if one.fitting is None else partial(_fitted, one.fitting)
    return replace(one, kind=kind, width=PARTS * one.width, preprocess=read_as(one.preprocess, reader), fitting=fitting)


def _fitted(fitting: Fitting, pair: Backbone, domains: Sequence[Domain]) -> Backbone:
    """The backbone of pairs whose one for texts is fitted to both sides of each pair."""
    texts = [str(text) for domain in domains for i in range(len(domain)) for text in domain.samples.raw(i)]
    fitted = fitting(of_one_side(pair), [Domain(Items(texts), "text", list(map(str, range(len(texts)))))])
    return of_pairs(fitted, _reader(pair))


def of_one_side(pair: Backbone) -> Backbone:
    """The backbone that a backbone of pairs is made of; what it computes is kept for every pair and example."""
    one = ONE_SIDE[_reader(pair)]
    kind: Any = one.kind
    return replace(pair, kind=kind, width=pair.width // PARTS, preprocess=read_as(pair.preprocess, one), fitting=None)


def _reader(pair: Backbone) -> type[PairReader]:
    return next(reader for reader in ONE_SIDE if isinstance(pair.preprocess, reader))


def compared(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """``u``, ``v``, ``|u - v|`` and ``u·v`` side by side ``(n, 4 width)``, the last times the root of the width.

    Conneau et al., "Supervised learning of universal sentence representations from natural language inference data"
    (2017). Products of rows of length 1 are smaller than their parts by about that root, and one penalty is for all.

    >>> compared(np.array([[0.6, 0.8]]), np.array([[0.6, -0.8]])).shape
    (1, 8)
    """
    return np.concatenate([u, v, np.abs(u - v), u * v * np.float32(np.sqrt(u.shape[1]))], axis=1)
