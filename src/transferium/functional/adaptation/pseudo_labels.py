"""Pseudo-labels for a target without labels: from confident predictions, or from clusters of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError, did_you_mean
from transferium.functional.matrices import Array, Floats, matrix, probabilities_of

RULES = ("fixed", "balanced", "flex")


def believed(probabilities: Floats, *, threshold: float = 0.9, rule: str = "fixed") -> NDArray[np.bool_]:
    """Which rows ``(n,)`` of predictions ``(n, classes)`` are confident enough to become pseudo-labels.

    ``fixed``: the largest probability is at least ``threshold``. ``balanced``: of every predicted class the same share
    of rows, the surest first; the share is that of the sure rows among all (class-balanced self-training; Zou et al.,
    ECCV 2018). ``flex``: class ``c`` has the threshold ``threshold · s_c / (2 - s_c)``, ``s_c`` the number of its sure
    rows divided by that of the class with most (FlexMatch; Zhang et al., NeurIPS 2021).

    >>> p = np.array([[0.95, 0.05], [0.92, 0.08], [0.3, 0.7], [0.4, 0.6]])
    >>> [believed(p, rule=r).tolist() for r in RULES]
    [[True, True, False, False], [True, False, True, False], [True, True, True, True]]
    """
    p = probabilities_of(probabilities, "probabilities")
    if rule not in RULES:
        raise InputError(f"there is no rule {rule!r} for pseudo-labels. {did_you_mean(rule, RULES)}")
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold={threshold} must be from 0 to 1")
    sure, guess = p.max(axis=1), p.argmax(axis=1)
    over = sure >= threshold
    if rule == "fixed":
        return np.asarray(over)
    if rule == "flex":
        counts = np.bincount(guess[over], minlength=p.shape[1])
        status = counts / max(int(counts.max()), 1)
        return np.asarray(sure >= (threshold * status / (2 - status))[guess])
    kept = np.zeros(len(p), dtype=bool)
    for c in np.unique(guess):
        rows = np.flatnonzero(guess == c)
        kept[rows[np.argsort(-sure[rows], kind="stable")][: int(np.ceil(over.mean() * len(rows)))]] = True
    return kept


def centroid_labels(features: Floats, probabilities: Floats, *, turns: int = 2) -> NDArray[np.int64]:
    """The nearest class centroid, by cosine, of each row ``(n, width)``: SHOT's self-labelling.

    Centroids are means of unit rows weighted by ``probabilities (n, classes)``, then by the labels just found,
    ``turns`` times in all. A class that no row is predicted to be of gets no rows. Rows are extended by a 1, as in the
    paper.
    Liang et al., Do we really need to access the source data?, ICML 2020, section 3.3.

    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> centroid_labels(x, np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])).tolist()
    [0, 0, 1, 1]
    """
    x, p = matrix(features, "features"), probabilities_of(probabilities, "probabilities")
    x = np.hstack([x, np.ones((len(x), 1))])
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    shares: Array = p
    for _ in range(turns):
        alive = np.bincount(shares.argmax(axis=1), minlength=p.shape[1]) > 0
        centroids = shares.T @ x
        length = np.linalg.norm(centroids, axis=1)
        alike = x @ (centroids / np.where(length > 0, length, 1.0)[:, None]).T
        labels = np.where(alive, alike, -np.inf).argmax(axis=1)
        shares = np.eye(p.shape[1])[labels]
    return np.asarray(labels, np.int64)
