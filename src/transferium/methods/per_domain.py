"""Each domain normalised by its own statistics, while everything else is shared: per-domain batch normalisation."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from transferium.data.samples import Rows
from transferium.methods.carried import Carried

if TYPE_CHECKING:
    from transferium.models.bottleneck import Standardised

SIDES = ("unlabeled", "target")


def own_statistics(carried: Carried) -> None:
    """From here on each domain is normalised by itself.

    Over a frozen backbone the bottleneck's standardisation gets a second mean and spread, those of the target's inputs;
    its rows are read so that the one network gives for them what it would with these. Over one that moves, the layers
    of batch normalisation take the statistics of each batch, one domain each; running ones are set when they are needed
    (:func:`settle`, and whenever labels are guessed).
    Chang et al., Domain-specific batch normalization for unsupervised domain adaptation, CVPR 2019, with shared scales.
    """
    carried.each = True
    if carried.tuned is not None:
        return
    norm = _norm(carried)
    carried.own = copy.deepcopy(norm)
    source, target = (np.asarray(carried.streams[s].features, np.float64) for s in ("source", "unlabeled"))
    carried.own.restate(source, target)
    here, there = _numbers(norm), _numbers(carried.own)
    for name in set(SIDES) & carried.streams.keys():
        rows = (np.asarray(carried.streams[name].features, np.float64) - there[0]) / there[1] * here[1] + here[0]
        carried.streams[name] = replace(carried.streams[name], samples=Rows(rows.astype(np.float32)))


def settle(carried: Carried) -> None:
    """At the end: the model reads raw rows of the target by the target's statistics, a copy those of the source."""
    from transferium.methods.guesses import restate_batch_norm

    if carried.at_source is None:
        if carried.tuned is not None:
            restate_batch_norm(carried, "source", 1.0)
        carried.at_source = copy.deepcopy(carried.model)
    if carried.tuned is not None:
        restate_batch_norm(carried, "unlabeled", 1.0)
    if carried.own is not None:
        norm = _norm(carried)
        norm.mean.copy_(carried.own.mean)
        norm.scale.copy_(carried.own.scale)


def _norm(carried: Carried) -> Standardised:
    from transferium.models.bottleneck import Standardised

    norm = carried.encoder[0]
    assert isinstance(norm, Standardised)
    return norm


def _numbers(norm: Standardised) -> tuple[np.ndarray, np.ndarray]:
    """Its mean and scale."""
    return norm.mean.cpu().double().numpy(), norm.scale.cpu().double().numpy()
