"""H-score: how much of the features' spread is between the classes, each direction in units of its own spread."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.transferability.labelled_rows import class_means, labelled_rows

RANK = 1e-10
"""Variances below this share of the largest count as 0."""


def h_score(features: Floats, labels: Labels) -> float:
    """``tr(Cov(f)⁺ Cov(E[f | y]))``, between 0 and ``classes - 1``; higher is better.

    ``features (n, width)``, ``labels (n,)``; ``⁺`` is the pseudo-inverse. The same for any invertible linear map and
    shift of the features. It only rises with width, and is ``classes - 1`` whatever the features where ``width >= n``:
    there ``regularised_h_score`` is the one to read. Raises ``InputError`` for what ``labelled_rows`` refuses.
    Bao et al., An information-theoretic approach to transferability in task transfer learning, ICIP 2019.

    >>> y = np.repeat([0, 1], 50)
    >>> round(h_score(y[:, None].astype(float), y), 6)
    1.0
    """
    x, y, classes = labelled_rows(features, labels)
    means, counts = class_means(x, y, classes)
    middle = x.mean(axis=0)
    offsets, x = (means - middle) * np.sqrt(counts / len(x))[:, None], x - middle
    if x.shape[1] > len(x):
        squares, vectors = np.linalg.eigh(x @ x.T / len(x))
        kept = squares > RANK * squares[-1]
        # cov⁺ = Xᵀ U Λ⁻² Uᵀ X / n in the basis of the rows.
        along = (vectors[:, kept].T @ x @ offsets.T) / np.sqrt(len(x) * squares[kept])[:, None]
    else:
        squares, vectors = np.linalg.eigh(x.T @ x / len(x))
        kept = squares > RANK * squares[-1]
        along = vectors[:, kept].T @ offsets.T
    return float((along**2 / squares[kept][:, None]).sum())


def regularised_h_score(features: Floats, labels: Labels) -> float:
    """``(1 - a) tr(C⁻¹ Cov(E[f | y]))`` with ``C = (1 - a) Cov(f) + a tr(Cov(f))/width · I``; higher is better.

    The share ``a`` is the one of Ledoit and Wolf, which is large where examples are few for the width. The same for
    rotated, scaled and shifted features. Raises ``InputError`` for what ``labelled_rows`` refuses.
    Ibrahim et al., Newer is not always better: rethinking transferability metrics, ECML PKDD 2022.

    >>> y = np.repeat([0, 1], 50)
    >>> noise = np.random.default_rng(0).normal(size=(100, 300))
    >>> regularised_h_score(noise, y) < h_score(noise, y)
    True
    """
    x, y, classes = labelled_rows(features, labels)
    means, counts = class_means(x, y, classes)
    middle = x.mean(axis=0)
    offsets, x = (means - middle) * np.sqrt(counts / len(x))[:, None], x - middle
    (n, width), squared = x.shape, (x * x).sum(axis=1)
    covariance = x.T @ x / n
    scale = float(np.trace(covariance)) / width
    spread = float((covariance**2).sum())
    apart = (spread - width * scale**2) / width
    noise = min((float((squared**2).sum()) / n - spread) / (n * width), apart)
    share = noise / apart if noise > 0 else 0.0
    covariance *= 1 - share
    covariance[np.diag_indices(width)] += share * scale
    # Without any shrinkage a covariance may be singular; least squares of the smallest length is its pseudo-inverse.
    solved = np.linalg.solve(covariance, offsets.T) if share > 0 else _least_squares(covariance, offsets.T)
    return float((1 - share) * (offsets.T * solved).sum())


def _least_squares(a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.lstsq(a, b, rcond=RANK)[0], np.float64)
