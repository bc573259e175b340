"""Student's t: how much wider an interval of few examples must be than one of many."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

TAIL = 0.025
"""The share that a 95 % interval leaves out at each end."""


def student_quantile(freedom: int, tail: float = TAIL) -> float:
    """The point that Student's t with ``freedom`` degrees of freedom exceeds with probability ``tail``.

    Exact for 1 and 2; from 3 on an expansion around the normal distribution (Abramowitz and Stegun, 26.7.5), within
    0.2 % for a tail of 0.025 and in no need of SciPy, whose import takes longer than the bootstrap of a small job.

    >>> [round(student_quantile(freedom), 2) for freedom in (1, 2, 4, 10**6)]
    [12.71, 4.3, 2.78, 1.96]
    """
    if freedom == 1:
        return math.tan(math.pi * (0.5 - tail))
    if freedom == 2:
        return (1 - 2 * tail) / math.sqrt(2 * tail * (1 - tail))
    z = -NormalDist().inv_cdf(tail)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (k + 1) for k, term in enumerate(terms))


@lru_cache
def stretch(units: int) -> float:
    """By how much a bootstrapped 95 % interval of ``units`` independent examples is too narrow.

    ``t / z · √(units / (units - 1))``: a bootstrap divides by ``units`` where the variance asks for one less, and takes
    its own width for certain. Infinite for one example, which says nothing of how much examples differ.
    Hesterberg, What teachers should know about the bootstrap, 2015, section 5.3.

    >>> [round(stretch(units), 2) for units in (1, 2, 5, 20, 1000)]
    [inf, 9.17, 1.58, 1.1, 1.0]
    """
    if units < 2:
        return math.inf
    return student_quantile(units - 1) / -NormalDist().inv_cdf(TAIL) * math.sqrt(units / (units - 1))
