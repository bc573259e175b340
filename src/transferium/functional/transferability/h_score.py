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
    variances, between, _ = _along_directions(features, labels)
    return float((between / variances).sum())


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
    variances, between, x = _along_directions(features, labels)
    (n, width), squared = x.shape, (x * x).sum(axis=1)
    scale, spread = float(variances.sum()) / width, float((variances**2).sum())
    apart = (spread - width * scale**2) / width
    noise = min((float((squared**2).sum()) / n - spread) / (n * width), apart)
    share = noise / apart if noise > 0 else 0.0
    return float((1 - share) * (between / ((1 - share) * variances + share * scale)).sum())


def _along_directions(features: Floats, labels: Labels) -> tuple[Array, Array, Array]:
    """Along each principal direction of some variance: that variance, and that of the class means; the centred rows.

    Class means lie in the span of the rows, so that no other direction counts.
    """
    x, y, classes = labelled_rows(features, labels)
    means, counts = class_means(x, y, classes)
    middle, n = x.mean(axis=0), len(x)
    offsets, x = (means - middle) * np.sqrt(counts / n)[:, None], x - middle
    wide = x.shape[1] > n
    variances, vectors = np.linalg.eigh((x @ x.T if wide else x.T @ x) / n)
    kept = variances > RANK * variances[-1]
    variances, vectors = variances[kept], vectors[:, kept]
    along = vectors.T @ (x @ offsets.T) / np.sqrt(n * variances)[:, None] if wide else vectors.T @ offsets.T
    return variances, (along**2).sum(axis=1), x
