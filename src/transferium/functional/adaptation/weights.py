"""Importance weights of source rows: scaled to mean 1, the effective sample size, and how to flatten them."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, fraction


def tempered(weights: Floats, power: float = 1.0) -> Array:
    """``w_i ** power`` scaled to mean 1: ``power`` 0 gives exactly ones, 1 the weights themselves.

    Powers below 1 trade bias for variance. Shimodaira, Improving predictive inference under covariate shift, 2000.

    >>> tempered(np.array([1.0, 3.0])).tolist(), tempered(np.array([1.0, 3.0]), 0.0).tolist()
    ([0.5, 1.5], [1.0, 1.0])
    """
    w = np.asarray(weights, dtype=np.float64)
    if fraction(power, "power") == 0:
        return np.ones_like(w)
    if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or not w.sum() > 0:
        raise InputError("weights must be finite, none negative and not all 0")
    grown: Array = w**power
    scaled: Array = grown / grown.mean()
    return scaled


def effective_sample_size(weights: Floats) -> float:
    """``(Σ w)² / Σ w²``: how many equally weighted rows carry as much information; from 1 to ``n``.

    Below about a tenth of the rows, weighting is likely to hurt. Kong et al., JASA 1994.

    >>> effective_sample_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    w = np.asarray(weights, dtype=np.float64)
    return float(w.sum() ** 2 / (w * w).sum())
