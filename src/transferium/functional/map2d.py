"""Two sets of features on one flat map, by principal components or by neighbours."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, two_domains

FEWEST = 4
PERPLEXITY = 30.0
"""The perplexity of a t-SNE map: about the number of neighbours of each row; fewer where there are few rows."""


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
    drawn = _some(x, z, seed, limit)
    shares = float(values[-1]) / whole, float(values[-2]) / whole
    return (drawn[0] - middle) @ axes, (drawn[1] - middle) @ axes, shares


def neighbour_map(source: Floats, target: Floats, *, seed: int = 0, limit: int = 250) -> tuple[Array, Array]:
    """Both domains by t-SNE, ``(n, 2)`` and ``(m, 2)``: rows that were near stay near; group distances mean nothing.

    At most ``limit`` rows of each, drawn by ``seed``; the start is the principal components. Prefer
    :func:`principal_map` for a question of size, this one for a question of groups. Raises ``InputError`` for fewer
    than four rows in all. van der Maaten & Hinton, Visualizing data using t-SNE, JMLR 2008.

    >>> x, z = neighbour_map(np.arange(8.0)[:, None], np.arange(6.0)[:, None])
    >>> x.shape, z.shape
    ((8, 2), (6, 2))
    """
    from sklearn.manifold import TSNE

    x, z = two_domains(source, target)
    if len(x) + len(z) < FEWEST:
        raise InputError(f"t-SNE needs {FEWEST} rows; found {len(x) + len(z)}")
    drawn = _some(x, z, seed, limit)
    joint = np.concatenate(drawn)
    start = np.concatenate(principal_map(*drawn, seed=seed, limit=limit)[:2])
    start *= 1e-4 / (float(start[:, 0].std()) or 1.0)
    perplexity = min(PERPLEXITY, (len(joint) - 1) / 3)
    flat: Array = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(joint).astype(np.float64)
    return flat[: len(drawn[0])], flat[len(drawn[0]) :]


def _some(x: Array, z: Array, seed: int, limit: int) -> list[Array]:
    """At most ``limit`` rows of each, in their order."""
    rng = np.random.default_rng(seed)
    return [m[np.sort(rng.permutation(len(m))[:limit])] for m in (x, z)]
