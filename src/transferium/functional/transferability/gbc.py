"""GBC: how much the classes overlap, each seen as a Gaussian."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.transferability.labelled_rows import class_means, labelled_rows

FLOOR = 1e-4
"""The least variance of a class in one direction, as a share of the mean variance of the features."""


def gbc(features: Floats, labels: Labels, *, components: int = 64) -> float:
    """``-Σ_{i ≠ j} exp(-B(i, j))``, the Bhattacharyya coefficients of all pairs of classes; 0 at best.

    ``B = ⅛ (μ_i - μ_j)ᵀ Σ⁻¹ (μ_i - μ_j) + ½ log(|Σ| / √(|Σ_i| |Σ_j|))`` with ``Σ = (Σ_i + Σ_j)/2``, for Gaussians of
    one variance in every direction (a class has too few examples for more), on the ``components`` largest principal
    components of ``features (n, width)``. The same for rotated, scaled, shifted and reordered features. The sum grows
    with the number of classes: compare models on one target. Raises ``InputError`` for what ``labelled_rows`` refuses.
    Pándy et al., Transferability estimation using Bhattacharyya class separability, CVPR 2022.

    >>> y = np.repeat([0, 1], 50)
    >>> x = np.random.default_rng(0).normal(size=(100, 4))
    >>> gbc(x + 9.0 * y[:, None], y) > -0.01 > gbc(x, y)
    True
    """
    x, y, classes = labelled_rows(features, labels)
    x = _principal(x, components)
    means, _ = class_means(x, y, classes)
    floor = FLOOR * float(x.var(axis=0).mean())
    variance = np.maximum([x[y == c].var(axis=0).mean() for c in range(classes)], floor)
    pooled, width = (variance[:, None] + variance) / 2, x.shape[1]
    gaps = ((means[:, None] - means) ** 2).sum(axis=2)
    logs = np.log(pooled) - 0.5 * (np.log(variance)[:, None] + np.log(variance))
    overlap = np.exp(-(gaps / pooled / 8 + 0.5 * width * logs))
    return float(-(overlap.sum() - np.trace(overlap)))


def _principal(x: Array, components: int) -> Array:
    """The centred rows along their ``components`` directions of largest variance."""
    x = x - x.mean(axis=0)
    n, width = x.shape
    if min(n, width) <= components and width <= n:
        return x
    values, vectors = np.linalg.eigh(x.T @ x if width <= n else x @ x.T)
    top = slice(max(0, len(values) - components), None)
    out: Array = x @ vectors[:, top] if width <= n else vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0))
    return out
