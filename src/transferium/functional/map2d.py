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
    rows = np.concatenate([(x - middle) / len(x) ** 0.5, (z - middle) / len(z) ** 0.5])
    values, axes = _two_components(rows)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    whole = float((rows**2).sum()) or 1.0
    drawn = _some(x, z, seed, limit)
    return (drawn[0] - middle) @ axes, (drawn[1] - middle) @ axes, (values[0] / whole, values[1] / whole)


def _two_components(rows: Array) -> tuple[list[float], Array]:
    """The two largest eigenvalues of ``rows.T @ rows``, 0 where there is none, and their axes, ``(columns, 2)``.

    Found in the smaller of the two square matrices, as ``rows @ rows.T`` has the same eigenvalues.
    """
    wide = rows.shape[1] > len(rows)
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    values, vectors = values[::-1][:2], vectors[:, ::-1][:, :2]
    if wide:
        real = values > values[0] * len(rows) * np.finfo(float).eps
        vectors = rows.T @ np.where(real, vectors, 0.0) / np.sqrt(np.where(real, values, 1.0))
    lacking = 2 - len(values)
    return np.pad(values, (0, lacking)).tolist(), np.pad(vectors, ((0, 0), (0, lacking)))


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
