"""How much of its accuracy a model loses from one domain to another, beyond what other class shares would cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.functional.bootstrap import Interval


def accuracy_loss(home: Sequence[NDArray[np.bool_]], away: Sequence[NDArray[np.bool_]]) -> Interval:
    """``Σ_c q_c (a_c - b_c)`` with its 95 % interval: the accuracy ``a_c`` in class ``c`` at home, ``b_c`` away.

    ``home[c]`` and ``away[c]`` say which examples of class ``c`` were answered rightly; ``q_c`` is the share of ``c``
    among those away, so that other class shares alone lose nothing. The interval adds the squared distances to the ends
    of the two sides' own intervals (Zou & Donner, Statistics in Medicine 2008), exact away, normal at home: a few that
    are all wrong are no proof. Rows count as independent.

    >>> right, wrong = np.ones(99, bool), np.zeros(1, bool)
    >>> one, many = (accuracy_loss([right], [np.repeat(wrong, n)]) for n in (1, 40))
    >>> one.value, one.low < 0.1, many.low > 0.9
    (1.0, True, True)
    """
    from scipy.stats import binomtest

    counts = np.array([len(right) for right in away])
    shares, hits = counts / counts.sum(), sum(int(right.sum()) for right in away)
    kept = float(shares @ [right.mean() for right in home])
    half = 1.96 * float(shares**2 @ [_variance(right) for right in home]) ** 0.5
    found = binomtest(hits, int(counts.sum()))
    limits, rate = found.proportion_ci(), found.statistic
    value = kept - rate
    low, high = value - float(np.hypot(half, limits.high - rate)), value + float(np.hypot(half, rate - limits.low))
    return Interval(value, max(low, -1.0), min(high, 1.0))


def _variance(right: NDArray[np.bool_]) -> float:
    """The variance of a share, with one right and one wrong prediction added so that it is never 0."""
    share = (float(right.sum()) + 1) / (len(right) + 2)
    return share * (1 - share) / (len(right) + 2)
