"""Validators that measure whether the predicted classes form clusters of the target's features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.functional.matrices import Array, Floats, Labels, labels_of, matrix, squared_distances
from transferium.functional.validators.evidence import CannotScoreError


def silhouette(features: Floats, predictions: Labels, *, limit: int = 2000, seed: int = 0) -> float:
    """The mean silhouette of target rows ``(n, width)`` under their predicted classes ``(n,)``, in [-1, 1].

    ``(b - a) / max(a, b)``: ``a`` the mean distance to the other rows of its class, ``b`` to the nearest other class; 0
    for a class of one row. A constant prediction has no second cluster and gets the worst score, -1. At most
    ``limit`` rows, drawn by ``seed``. Fooled by tight clusters under the wrong names, and by features that an
    adaptation tore apart at will: between methods that change the features compare with care.
    Rousseeuw, 1987; Musgrave et al., 2022 (ClassSS).

    >>> x = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> round(silhouette(x, np.array([0, 0, 1, 1])), 2), silhouette(x, np.zeros(4, dtype=int))
    (0.99, -1.0)
    """
    x, y = _sample(features, predictions, limit, seed)
    if len(x) < 3:
        raise CannotScoreError(f"a silhouette needs three or more target rows; found {len(x)}")
    names, y = np.unique(y, return_inverse=True)
    if len(names) == 1:
        return -1.0
    sums = np.sqrt(squared_distances(x, x)) @ np.eye(len(names))[y]
    counts, rows = np.bincount(y), np.arange(len(x))
    own = sums[rows, y] / np.maximum(counts[y] - 1, 1)
    others = sums / counts
    others[rows, y] = np.inf
    nearest = others.min(axis=1)
    size = np.maximum(own, nearest)
    values = np.divide(nearest - own, size, out=np.zeros_like(own), where=(size > 0) & (counts[y] > 1))
    return float(values.mean())


def cluster_agreement(
    features: Floats, predictions: Labels, *, classes: int, seed: int = 0, starts: int = 5, limit: int = 5000
) -> float:
    """Adjusted mutual information of the predicted classes and ``classes`` k-means clusters, about 0 to 1.

    0 for chance or a constant prediction, 1 for the same grouping whatever its names. Fooled by classes that changed
    places, and by classes that are not clusters. Musgrave et al., 2022 (ClassAMI).

    >>> x = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> round(cluster_agreement(x, np.array([1, 1, 0, 0]), classes=2), 4)
    1.0
    """
    x, y = _sample(features, predictions, limit, seed)
    if len(x) <= classes:
        raise CannotScoreError(f"{classes} clusters need more than {classes} target rows; found {len(x)}")
    if (y == y[0]).all():
        return 0.0
    rng, x = np.random.default_rng(seed), x - x.mean(axis=0)
    tries = [_kmeans(x, classes, rng) for _ in range(starts)]
    return adjusted_mutual_information(min(tries, key=lambda t: t[1])[0], y)


def adjusted_mutual_information(a: Labels, b: Labels) -> float:
    """``(MI - E MI) / (mean(H(a), H(b)) - E MI)``, the expectation over all relabellings with the same counts.

    Vinh et al., Information theoretic measures for clusterings comparison, JMLR 2010.

    >>> adjusted_mutual_information(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]))
    0.0
    """
    (u, ia), (v, ib) = (np.unique(y, return_inverse=True) for y in (a, b))
    if len(u) == 1 or len(v) == 1:
        return 1.0 if len(u) == len(v) else 0.0
    n = len(ia)
    table = np.zeros((len(u), len(v)))
    np.add.at(table, (ia, ib), 1.0)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    shares = table / n
    ratio = np.divide(shares, np.outer(rows, columns) / n**2, out=np.ones_like(shares), where=shares > 0)
    entropies = [-float((c / n * np.log(c / n)).sum()) for c in (rows, columns)]
    found, expected = float((shares * np.log(ratio)).sum()), _expected_information(rows, columns, n)
    room = sum(entropies) / 2 - expected
    return (found - expected) / room if abs(room) > 1e-15 else 0.0


def _expected_information(rows: Array, columns: Array, n: int) -> float:
    from scipy.special import gammaln

    total = 0.0
    for a in rows:
        for b in columns:
            k = np.arange(max(1.0, a + b - n), min(a, b) + 1)
            chance = gammaln(a + 1) + gammaln(b + 1) + gammaln(n - a + 1) + gammaln(n - b + 1) - gammaln(n + 1)
            chance = chance - gammaln(k + 1) - gammaln(a - k + 1) - gammaln(b - k + 1) - gammaln(n - a - b + k + 1)
            total += float((k / n * np.log(n * k / (a * b)) * np.exp(chance)).sum())
    return total


def _kmeans(x: Array, k: int, rng: np.random.Generator, rounds: int = 100) -> tuple[NDArray[np.int64], float]:
    """Lloyd's rounds from a k-means++ start: each row's cluster, and the sum of squared distances.

    Rows ``x (n, width)`` are centred, and so accurate away from the origin.
    """
    lengths = (x * x).sum(axis=1)[:, None]

    def distances_to(centres: Array) -> Array:
        found: Array = lengths + (centres * centres).sum(axis=1) - 2.0 * (x @ centres.T)
        return np.maximum(found, 0.0, out=found)

    centres = x[rng.integers(len(x), size=1)]
    while len(centres) < k:
        near = distances_to(centres).min(axis=1)
        weight = near / near.sum() if near.sum() > 0 else None
        centres = np.concatenate([centres, x[rng.choice(len(x), 1, p=weight)]])
    before = np.full(len(x), -1)
    for _ in range(rounds):
        distances = distances_to(centres)
        nearest = distances.argmin(axis=1)
        if (nearest == before).all():
            break
        before = nearest
        for c in np.unique(nearest):
            centres[c] = x[nearest == c].mean(axis=0)
    return nearest, float(distances.min(axis=1).sum())


def _sample(features: Floats, predictions: Labels, limit: int, seed: int) -> tuple[Array, NDArray[np.int64]]:
    x = matrix(features, "target features")
    y = labels_of(predictions, len(x), "predictions")
    kept = np.sort(np.random.default_rng(seed).permutation(len(x))[:limit])
    return x[kept], y[kept]
