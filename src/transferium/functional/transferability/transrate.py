"""TransRate: how many more nats the features take to describe in all than class by class."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.transferability.labelled_rows import labelled_rows


def transrate(features: Floats, labels: Labels, *, eps: float = 1e-4) -> float:
    """``R(Z) - Σ_c n_c/n R(Z_c)`` with ``R(Z) = ½ log det(I + ZᵀZ / (n ε))``; higher is better.

    ``features (n, width)``, ``labels (n,)``. ``Z`` are centred features in units of their mean length, so that ``eps``
    means the same in every model. The same for rotated, scaled, shifted and reordered features. Wide features score
    higher than narrow ones of the same use: prefer ``logme`` between widths. As in the paper a class is described from
    the middle of all rows and not from its own, so that two classes of equal size, which lie on opposite sides of it,
    score no higher for lying far apart. Raises ``InputError`` for what ``labelled_rows`` refuses, and for an ``eps``
    that is not above 0.
    Huang et al., Frustratingly easy transferability estimation, ICML 2022.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1, 2], 50)
    >>> x = rng.normal(size=(150, 4))
    >>> transrate(x + 9.0 * np.eye(3, 4)[y], y) > transrate(x, y)
    True
    """
    if not eps > 0:
        raise InputError(f"eps={eps} must be above 0")
    x, y, classes = labelled_rows(features, labels)
    z = x - x.mean(axis=0)
    z /= np.sqrt((z * z).sum() / len(z))
    within = sum((y == c).mean() * _rate(z[y == c], eps) for c in range(classes))
    return float(_rate(z, eps) - within)


def _rate(z: Array, eps: float) -> float:
    """Nats for each row at distortion ``eps``; the smaller of the two Gram matrices has the same determinant."""
    n, width = z.shape
    gram = (z.T @ z if width <= n else z @ z.T) / (n * eps)
    gram[np.diag_indices(len(gram))] += 1.0
    return float(np.log(np.diag(np.linalg.cholesky(gram))).sum())
