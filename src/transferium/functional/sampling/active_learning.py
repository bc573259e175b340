"""Which unlabelled examples to label next, from what a model answers and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError

RULES = ("both", "uncertainty", "coverage")
STEPS = 25
"""The most steps of k-means."""


def margins(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """``p₁ - p₂`` of each row ``(n, classes)``, the two highest probabilities: 0 where they are equal, 1 of one class.

    >>> margins(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
    [0.0, 0.8]
    """
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    two = np.sort(np.asarray(probabilities, np.float64), axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def next_to_label(
    probabilities: NDArray[np.floating[Any]], features: NDArray[np.floating[Any]], count: int, *, rule: str = "both"
) -> NDArray[np.intp]:
    """Positions of ``count`` rows of ``features (n, width)`` to label, the most uncertain first.

    ``uncertainty`` takes the smallest margins, which may be near one another. ``coverage`` makes ``count`` clusters by
    k-means and takes the row nearest to the middle of each. ``both`` does that with rows that weigh ``1 - margin``, so
    that what is chosen is uncertain, typical, and not twice the same. Zhdanov, Diverse mini-batch active learning
    (2019). All rows where there are no more than ``count``. Raises ``InputError`` for an unknown rule, a count below 1,
    and numbers that are not finite.

    >>> P = np.array([[0.5, 0.5], [0.6, 0.4], [0.65, 0.35], [0.9, 0.1]])
    >>> X = np.array([[0.0], [0.2], [3.0], [3.5]])
    >>> next_to_label(P, X, 2, rule="uncertainty").tolist(), next_to_label(P, X, 2).tolist()
    ([0, 1], [0, 2])
    """
    if rule not in RULES:
        raise InputError(f"there is no rule {rule!r}. Choose from {', '.join(RULES)}.")
    if count < 1:
        raise InputError(f"at least one example is chosen; count={count} was given.")
    x = np.asarray(features, np.float64)
    unsure = 1 - margins(probabilities)
    if not (np.isfinite(x).all() and np.isfinite(unsure).all()):
        raise InputError("features and probabilities must be finite: leave out what cannot be read.")
    order = np.argsort(-unsure, kind="stable")
    if count >= len(x) or rule == "uncertainty":
        return order[:count]
    chosen = _of_clusters(x, np.maximum(unsure, 1e-9) if rule == "both" else np.ones(len(x)), count)
    if len(chosen) < count:  # rows that are the same make fewer clusters
        chosen = np.concatenate([chosen, order[~np.isin(order, chosen)][: count - len(chosen)]])
    return chosen[np.argsort(-unsure[chosen], kind="stable")]


def _of_clusters(x: NDArray[np.float64], weight: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The row nearest to the middle of each cluster; clusters of rows that are the same are one."""
    from sklearn.cluster import KMeans

    count = min(count, len(np.unique(x, axis=0)))
    found = KMeans(count, n_init=1, max_iter=STEPS, random_state=0).fit(x, sample_weight=weight)
    far = np.square(x - found.cluster_centers_[found.labels_]).sum(axis=1)
    order = np.lexsort((far, found.labels_))
    firsts: NDArray[np.intp] = order[np.unique(found.labels_[order], return_index=True)[1]]
    return firsts
