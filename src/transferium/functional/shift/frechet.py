"""The Fréchet distance between two sets of features, each seen as a Gaussian."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, two_domains


def frechet_distance(source: Floats, target: Floats) -> float:
    """``||m_s - m_t||² + tr(C_s + C_t - 2 (C_s C_t)^(1/2))``: the squared 2-Wasserstein distance of Gaussians; >= 0.

    In squared units of the features, so compare it only within one backbone. It is biased upward with fewer rows than a
    few times the width, by as much for every pair of equal sizes: compare equal sizes. The cross term is the nuclear
    norm of a product of the centred data, which needs no matrix root and stays exact where covariances are singular.
    Dowson & Landau, 1982; Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017 (FID).

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(x, x + [1.0, 2.0, 0.0]), 6)
    5.0
    """
    x, z = two_domains(source, target, rows=2)
    gap = x.mean(axis=0) - z.mean(axis=0)
    roots = [_root(m) for m in (x, z)]
    cross = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(float((r * r).sum()) for r in roots) - 2 * float(cross)
    return float(gap @ gap) + max(spread, 0.0)


def _root(x: Array) -> Array:
    """``R`` with ``Rᵀ R = Cov(x)`` and as few rows as there may be."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return np.asarray(np.linalg.qr(centred)[1], dtype=np.float64)
