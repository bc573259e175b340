"""Reading a learning-rate range test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REACH = 4
NEAR = 1.1
SAFETY = 0.1
SHARE, FEWEST, MOST = 0.2, 20, 100
RULE = "a tenth of the highest rate at which the smoothed training loss was within 10 % of its lowest"


def length_of_test(planned: int) -> int:
    """How many steps a test takes: a fifth of those that training is planned for, from 20 to 100.

    Fewer than 20 leave a factor above two between neighbouring rates; more than 100 tell nothing new.

    >>> length_of_test(8), length_of_test(300), length_of_test(40_000)
    (20, 60, 100)
    """
    return min(MOST, max(FEWEST, round(SHARE * planned)))


def smoothed(losses: Sequence[float], reach: int = REACH) -> NDArray[np.float64]:
    """Means over ``reach`` steps to either side, as many as there are.

    >>> smoothed([1.0, 3.0, 5.0, 7.0], reach=1).tolist()
    [2.0, 3.0, 5.0, 6.0]
    """
    values = np.asarray(losses, dtype=np.float64)
    return np.array([values[max(0, i - reach) : i + reach + 1].mean() for i in range(len(values))])


def suggested_rate(rates: Sequence[float], losses: Sequence[float]) -> float:
    """A tenth of the highest rate at which the smoothed loss was within 10 % of its lowest; losses are not negative.

    Where the loss falls and then bursts, that is a tenth of the rate at its lowest point. Where it was low to begin
    with, as after a probe, it is a tenth of the highest rate that did no harm.

    >>> round(suggested_rate([1e-3, 1e-2, 1e-1, 1.0], [2.0, 2.0, 2.0, 80.0]), 6)
    0.01
    """
    curve = smoothed(losses, min(REACH, (len(losses) - 1) // 8))
    near = np.flatnonzero(curve <= NEAR * curve.min())
    return float(rates[int(near[-1])] * SAFETY)
