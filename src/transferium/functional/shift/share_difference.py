"""By how much the class shares of two labelled samples differ."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from transferium.functional.matrices import Array, Labels

TAIL = 0.025


def share_difference(source: Labels, target: Labels) -> tuple[Array, Array, Array]:
    """``t_c / Σ t - s_c / Σ s`` of counts ``(classes,)``, with limits that hold for all classes at once in 95 %.

    Limits are those of Newcombe's hybrid score (Statistics in Medicine 1998, method 10), which adds the squared
    distances to the ends of two Wilson intervals; each is as wide as leaves 5 % for all classes together (Bonferroni).
    Rows count as independent.

    >>> _, low, high = share_difference(np.array([50, 50]), np.array([45, 55]))
    >>> bool((low < 0).all() and (high > 0).all())
    True
    >>> share_difference(np.array([50, 50]), np.array([5, 95]))[1].round(2).tolist()
    [-0.56, 0.32]
    """
    s, t = np.asarray(source, np.float64), np.asarray(target, np.float64)
    z = NormalDist().inv_cdf(1 - TAIL / len(s))
    (here, here_low, here_high), (there, there_low, there_high) = (_wilson(k, z) for k in (s, t))
    value = there - here
    low = value - np.hypot(there - there_low, here_high - here)
    return value, low, value + np.hypot(there_high - there, here - here_low)


def _wilson(counts: Array, z: float) -> tuple[Array, Array, Array]:
    n = counts.sum()
    share = counts / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, middle - half, middle + half
