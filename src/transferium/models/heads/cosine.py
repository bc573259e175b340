"""A head that reads directions only: the cosine between the features and one vector a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.functional.matrices import unit_rows
from transferium.models.heads.linear import Head


@dataclass(frozen=True, eq=False)
class CosineHead(Head):
    """``Head`` on features scaled to length 1: ``weight @ x / |x| + bias``.

    With rows of ``weight`` of one length ``s``, the logits are ``s · cos(x, w_k)`` and ``s / temperature`` is the
    literature's learned scale. Features of length 0 have no direction and get the biases alone.

    >>> head = CosineHead(10 * np.eye(2), np.zeros(2))
    >>> head.logits(np.array([[3.0, 4.0], [0.3, 0.4]])).tolist()
    [[6.0, 8.0], [6.0, 8.0]]
    """

    kind: ClassVar[str] = "cosine"

    def activations(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Directions: the features scaled to length 1."""
        return unit_rows(features)

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return super()._scores(unit_rows(block))
