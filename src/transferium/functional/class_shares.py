"""Class weights under which every class counts alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def balanced_weights(y: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """One weight for each class, ``n / (k n_c)``: under it all classes count alike, and the rows' mean weight is 1.

    ``n_c`` of the ``n`` labels ``y`` are class ``c``; ``k`` classes occur. A class that does not occur weighs 1.

    >>> balanced_weights(np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 2.        ])
    """
    counts = np.bincount(y, minlength=classes).astype(np.float64)
    present = counts > 0
    weights: NDArray[np.float64] = np.divide(len(y), present.sum() * counts, out=np.ones(classes), where=present)
    return weights
