"""How the classes of pretraining relate to new ones: ``p(source class | class)``, Co-Tuning's first step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError

Array = NDArray[np.float64]


def direct_relation(source: NDArray[np.floating[Any]], y: NDArray[np.integer[Any]], classes: int) -> Array:
    """``p(s | y) = mean over examples of y of p(s | x)``: ``source (n, S)`` and ``y (n,)`` to ``(classes, S)``.

    A class without examples gets the mean of all of them.

    >>> direct_relation(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), np.array([0, 0, 1]), 2).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    if len(source) != len(y) or not len(y):
        raise InputError(f"a relation needs one label for each row, and a row: found {len(source)} and {len(y)}")
    rows = [source[y == k] if (y == k).any() else source for k in range(classes)]
    return np.stack([row.mean(axis=0, dtype=np.float64) for row in rows])


def reverse_relation(given_source: NDArray[np.floating[Any]], prior: NDArray[np.floating[Any]]) -> Array:
    """Bayes' rule: ``p(s | y) ~ p(y | s) p(s)``, from ``given_source (S, classes)`` and ``prior (S,)``.

    >>> reverse_relation(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.5, 0.5])).round(3).tolist()
    [[0.667, 0.333], [0.0, 1.0]]
    """
    if given_source.shape[:1] != prior.shape:
        raise InputError(f"p(y | s) has {len(given_source)} source classes and p(s) has shape {prior.shape}")
    joint = given_source.T.astype(np.float64) * prior
    total = joint.sum(axis=1, keepdims=True)
    relation: Array = np.where(total > 0, joint / np.where(total > 0, total, 1.0), prior / prior.sum())
    return relation
