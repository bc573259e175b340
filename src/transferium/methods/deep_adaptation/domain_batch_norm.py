"""Each domain normalised by its own statistics, while everything else is shared: per-domain batch normalisation."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from transferium.data.samples import Rows
from transferium.methods.deep_adaptation.state import AdaptationState

if TYPE_CHECKING:
    from transferium.models.heads.bottleneck import Standardised

SIDES = ("unlabeled", "target")


def own_statistics(state: AdaptationState) -> None:
    """From here on each domain is normalised by itself.

    Over a frozen backbone the bottleneck's standardisation gets a second mean and spread, those of the target's inputs;
    its rows are read so that the one network gives for them what it would with these. Over one that moves, the layers
    of batch normalisation take the statistics of each batch, one domain each; running ones are set when they are needed
    (:func:`settle`, and whenever pseudo-labels are made).
    Chang et al., Domain-specific batch normalization for unsupervised domain adaptation, CVPR 2019, with shared scales.
    """
    state.each = True
    if state.tuned is not None:
        return
    norm = _norm(state)
    state.own = copy.deepcopy(norm)
    source, target = (np.asarray(state.streams[s].features, np.float64) for s in ("source", "unlabeled"))
    state.own.restate(source, target)
    here, there = _numbers(norm), _numbers(state.own)
    for name in set(SIDES) & state.streams.keys():
        rows = (np.asarray(state.streams[name].features, np.float64) - there[0]) / there[1] * here[1] + here[0]
        state.streams[name] = replace(state.streams[name], samples=Rows(rows.astype(np.float32)))


def settle(state: AdaptationState) -> None:
    """At the end: the model reads raw rows of the target by the target's statistics, a copy those of the source."""
    from transferium.methods.deep_adaptation.inference import restate_batch_norm

    if state.at_source is None:
        if state.tuned is not None:
            restate_batch_norm(state, "source", 1.0)
        state.at_source = copy.deepcopy(state.model)
    if state.tuned is not None:
        restate_batch_norm(state, "unlabeled", 1.0)
    if state.own is not None:
        norm = _norm(state)
        norm.mean.copy_(state.own.mean)
        norm.scale.copy_(state.own.scale)


def _norm(state: AdaptationState) -> Standardised:
    from transferium.models.heads.bottleneck import Standardised

    norm = state.encoder[0]
    assert isinstance(norm, Standardised)
    return norm


def _numbers(norm: Standardised) -> tuple[np.ndarray, np.ndarray]:
    """Its mean and scale."""
    return norm.mean.cpu().double().numpy(), norm.scale.cpu().double().numpy()
