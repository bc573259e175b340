"""Soft neighbourhood density: each target row should have many rows with similar predictions."""

from __future__ import annotations

import numpy as np

from transferium.functional.linear_classifier import log_softmax, softmax
from transferium.functional.matrices import Floats
from transferium.functional.validators.evidence import CannotScoreError


def neighbourhood_density(logits: Floats, *, temperature: float = 0.05, limit: int = 2000, seed: int = 0) -> float:
    """The mean entropy of each row's similarities to all others, in [0, log(n - 1)].

    Probabilities are scaled to unit length, ``S_ij = p̂_i · p̂_j / temperature``, the diagonal is left out, each row
    goes through a softmax, and the entropies are averaged. At most ``limit`` rows, drawn by ``seed``; compare
    candidates on the same rows only. *Fooled by collapse*: if all rows are predicted alike, surely or not, each has
    every other as its neighbour and the score is the highest possible. Never use it alone.
    Saito et al., Tune it the right way: unsupervised validation of domain adaptation via soft neighborhood density,
    ICCV 2021.

    >>> round(neighbourhood_density(np.zeros((5, 3))), 4)
    1.3863
    """
    p = softmax(np.asarray(logits)[np.random.default_rng(seed).permutation(len(logits))[:limit]])
    if len(p) < 3:
        raise CannotScoreError(f"neighbourhood density needs three or more target rows; found {len(p)}")
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    similar = p @ p.T / temperature
    n = len(p)
    others = similar[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    logs = log_softmax(others)
    return -float((np.exp(logs) * logs).sum(axis=1).mean())
