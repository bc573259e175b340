"""Centred kernel alignment: whether two layers place the same examples alike, whatever their axes and widths."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, matrix

FEWEST = 4
"""The fewest examples of which the unbiased estimate is made."""


def linear_cka(a: Floats, b: Floats) -> float:
    """``||AᵀB||² / (||AᵀA|| ||BᵀB||)`` of centred activations, Frobenius norms; between 0 and 1.

    ``a (n, p)`` and ``b (n, q)`` are activations of the same ``n`` examples. The same for rotated, shifted and scaled
    activations, and for examples in another common order; not for other linear maps. It is biased towards 1 where
    ``n`` is small for the widths: prefer ``unbiased_cka`` there. Raises ``InputError`` for values that are not finite,
    for other numbers of rows, and for activations that are the same in every row.
    Kornblith et al., Similarity of neural network representations revisited, ICML 2019.

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(linear_cka(x, 5.0 * x[:, ::-1] + 1.0), 6)
    1.0
    """
    x, z = (side - side.mean(axis=0) for side in _alike(a, b, 2))
    return float(_squared(x, z) / np.sqrt(_squared(x, x) * _squared(z, z)))


def unbiased_cka(a: Floats, b: Floats, *, batch: int = 256) -> float:
    """CKA from unbiased estimates of HSIC, each the mean over batches of ``batch`` rows; at most 1, near 0 by chance.

    ``Σ HSIC₁(K, L) / √(Σ HSIC₁(K, K) Σ HSIC₁(L, L))`` with ``K = AAᵀ`` and ``L = BBᵀ``, their diagonals set to 0, and
    ``HSIC₁ = [tr(KL) + (1ᵀK1)(1ᵀL1)/((n-1)(n-2)) - 2/(n-2) 1ᵀKL1] / (n(n-3))``. Memory is that of a batch, and the
    expectation does not depend on its size. Batches are rows in order, of nearly equal size: shuffle both sides alike
    where the order means something. Raises ``InputError`` as ``linear_cka`` does, and below 4 rows a batch.
    Nguyen, Raghu & Kornblith, Do wide and deep networks learn the same things?, ICLR 2021.

    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.normal(size=(2, 40, 200))
    >>> round(unbiased_cka(x, x), 6), abs(unbiased_cka(x, z)) < 0.1 < linear_cka(x, z)
    (1.0, True)
    """
    if batch < FEWEST:
        raise InputError(f"batch={batch} must be {FEWEST} or more")
    x, z = _alike(a, b, FEWEST)
    x, z = x - x.mean(axis=0), z - z.mean(axis=0)
    parts = np.array_split(np.arange(len(x)), max(1, len(x) // batch))
    cross, own_x, own_z = (
        sum(_hsic(left[rows], right[rows]) for rows in parts) for left, right in ((x, z), (x, x), (z, z))
    )
    if min(own_x, own_z) <= 0:
        raise InputError("the activations vary too little to be compared: give more examples")
    return float(cross / np.sqrt(own_x * own_z))


def _alike(a: Floats, b: Floats, rows: int) -> tuple[Array, Array]:
    """Both sides checked: as many rows, at least ``rows``, that are not all the same."""
    x, z = matrix(a, "a"), matrix(b, "b")
    if len(x) != len(z) or len(x) < rows:
        raise InputError(f"activations of the same {rows} or more examples are needed; found {len(x)} and {len(z)}")
    for name, side in (("a", x), ("b", z)):
        if (side == side[0]).all():
            raise InputError(f"the activations {name} are the same in every row, so that they are like nothing")
    return x, z


def _squared(x: Array, z: Array) -> float:
    """``||xᵀz||²``, over the smaller of the two ways to multiply."""
    if len(x) < min(x.shape[1], z.shape[1]):
        return float(((x @ x.T) * (z @ z.T)).sum())
    return float(((x.T @ z) ** 2).sum())


def _hsic(x: Array, z: Array) -> float:
    """The unbiased HSIC of one batch with linear kernels."""
    n, (k, m) = len(x), (x @ x.T, z @ z.T)
    np.fill_diagonal(k, 0.0)
    np.fill_diagonal(m, 0.0)
    along_k, along_m = k.sum(axis=0), m.sum(axis=0)
    means = along_k.sum() * along_m.sum() / ((n - 1) * (n - 2))
    return float(((k * m).sum() + means - 2 / (n - 2) * (along_k @ along_m)) / (n * (n - 3)))
