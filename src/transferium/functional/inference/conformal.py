"""Split-conformal prediction: how large a set of answers must be to hold the true one as often as is stated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError


def conformal_threshold(scores: NDArray[Any], coverage: float) -> float:
    """The ``⌈(n + 1) coverage⌉``-th smallest of ``scores (n,)``: a new score is at most that in ``coverage`` of cases.

    ``scores`` say how odd the true answer looked on examples that were not learned from: ``1 - p`` of its class, or
    the distance of an amount. The statement holds for examples that come as these did, over all of them and not for
    each class. Raises ``DataError`` below ``coverage / (1 - coverage)`` scores, of which nothing follows.
    Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005; Lei et al., JASA 2018.

    >>> conformal_threshold(np.arange(19), 0.9)
    17.0
    """
    if not 0 < coverage < 1:
        raise InputError(f"coverage={coverage} must be between 0 and 1")
    n, needed = len(scores), math.ceil(round(coverage / (1 - coverage), 9))
    if n < needed:
        raise DataError(f"a coverage of {coverage:g} needs {needed} or more examples to calibrate on; there are {n}")
    if not np.isfinite(scores).all():
        raise DataError("a conformal threshold cannot be found: some scores are not finite")
    rank = math.ceil(round((n + 1) * coverage, 9))
    return float(np.sort(np.asarray(scores, np.float64))[rank - 1])


def class_scores(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """``1 - p`` of every class ``(n, classes)``: the smallest sets of all scores, where probabilities are right.

    Sadinle, Lei and Wasserman, Least ambiguous set-valued classifiers with bounded error levels, JASA 2019.

    >>> class_scores(np.array([[0.75, 0.25]])).tolist()
    [[0.25, 0.75]]
    """
    return 1 - np.asarray(probabilities, np.float64)
