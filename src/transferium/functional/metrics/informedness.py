"""Informedness of one class: how much likelier its examples are to be named so than others are."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray


def informedness_gain(
    of_class: NDArray[np.bool_],
    named: NDArray[np.bool_],
    others: NDArray[np.bool_],
    groups: NDArray[np.integer] | None = None,
) -> tuple[float, float]:
    """How much more informed answers ``named (n,)`` are about a class than ``others (n,)``, and a two-sided p-value.

    ``P(named | of the class) - P(named | not)`` of the one less that of the other: who names a class more often finds
    more of its examples, and gains nothing here. The p-value is that of a z-test over examples, or over whole
    ``groups``; use it where both sides have five examples or more. Where all examples or none are of the class, there
    is no second share, and the first alone counts.
    Powers, Evaluation: from precision, recall and F-measure to ROC, informedness, markedness and correlation, 2011.

    >>> y = np.repeat([True, False], 10)
    >>> informedness_gain(y, np.ones(20, bool), np.zeros(20, bool))
    (0.0, 1.0)
    """
    gain, parts = named.astype(np.float64) - others, np.zeros(len(named))
    difference = 0.0
    for side, sign in ((of_class, 1.0), (~of_class, -1.0)):
        if n := int(side.sum()):
            mean = float(gain[side].mean())
            difference += sign * mean
            parts[side] = sign * (gain[side] - mean) / n * np.sqrt(n / max(1, n - 1))
    if groups is not None:
        parts = np.bincount(np.unique(groups, return_inverse=True)[1], weights=parts).astype(np.float64)
    error = float(np.sqrt((parts**2).sum()))
    if error == 0:
        return difference, float(difference == 0)
    return difference, erfc(abs(difference) / error / sqrt(2))
