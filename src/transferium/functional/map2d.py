"""Two sets of features on one flat map."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, two_domains


def principal_map(
    source: Floats, target: Floats, *, seed: int = 0, limit: int = 250
) -> tuple[Array, Array, tuple[float, float]]:
    """The first two principal components of both domains, ``(n, 2)`` and ``(m, 2)``, and their variance shares.

    The domains weigh the same however many rows they have. At most ``limit`` rows of each are returned, drawn by
    ``seed``. The sign of each axis is fixed by its largest loading.

    >>> x, z, shares = principal_map(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[4.0, 0.0], [6.0, 0.1]]))
    >>> x.shape, round(shares[0], 2)
    ((2, 2), 1.0)
    """
    x, z = two_domains(source, target)
    middle = (x.mean(axis=0) + z.mean(axis=0)) / 2
    spread = (x - middle).T @ (x - middle) / len(x) + (z - middle).T @ (z - middle) / len(z)
    if len(spread) == 1:
        spread = np.pad(spread, (0, 1))
        x, z, middle = (np.hstack([m, np.zeros((*m.shape[:-1], 1))]) for m in (x, z, middle))
    values, vectors = np.linalg.eigh(spread)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    whole = float(values.sum()) or 1.0
    rng = np.random.default_rng(seed)
    drawn = [m[np.sort(rng.permutation(len(m))[:limit])] for m in (x, z)]
    shares = float(values[-1]) / whole, float(values[-2]) / whole
    return (drawn[0] - middle) @ axes, (drawn[1] - middle) @ axes, shares
