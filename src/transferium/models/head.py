"""A linear layer and a temperature: what every frozen backbone ends in, with no torch in sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError

BLOCK = 32
"""Rows computed together. The last block is padded, so every block has one shape."""


@dataclass(frozen=True, eq=False)
class Head:
    """``softmax((weight @ x + bias) / temperature)`` with ``weight (classes, width)`` and ``bias (classes,)``.

    Every row goes through the same matrix-vector product and the same block shape whoever its neighbours are: its
    result is bit-identical alone or in a batch, at any position.

    >>> head = Head(np.eye(2), np.zeros(2))
    >>> head.probabilities(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        weight, bias = np.ascontiguousarray(self.weight, np.float64), np.ascontiguousarray(self.bias, np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise DataError(
                f"a head needs weight (classes, width) and bias (classes,); got {weight.shape} {bias.shape}."
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise DataError("a head needs finite weights; some of these are not. The fit that made them failed.")
        if not 0 < self.temperature < np.inf:
            raise DataError(f"a temperature is positive and finite; this one is {self.temperature}.")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    @property
    def classes(self) -> int:
        return len(self.bias)

    @property
    def width(self) -> int:
        return int(self.weight.shape[1])

    def logits(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Unscaled logits ``(n, classes)`` of features ``(n, width)``."""
        result = np.empty((len(features), self.classes))
        for rows, block in self._blocks(features):
            result[rows] = self._affine(block)[: rows.stop - rows.start]
        return result

    def probabilities(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Calibrated class probabilities ``(n, classes)`` of features ``(n, width)``."""
        result = np.empty((len(features), self.classes))
        for rows, block in self._blocks(features):
            scores = self._affine(block) / self.temperature
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            result[rows] = (powers / powers.sum(axis=1, keepdims=True))[: rows.stop - rows.start]
        return result

    def predict(self, features: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """The index of the most probable class of each row."""
        best: NDArray[np.intp] = self.logits(features).argmax(axis=1)
        return best

    def activations(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """What the linear layer reads: here, the features themselves."""
        return np.asarray(features, np.float64)

    def to_tensors(self) -> dict[str, NDArray[np.float64]]:
        """The weights by name, as they are saved; the temperature is not among them."""
        return {"head.weight": self.weight, "head.bias": self.bias}

    def _affine(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        # One matrix-vector product per row: a matrix-matrix product may treat the rows at its edges differently.
        scores: NDArray[np.float64] = np.matmul(self.weight, block[:, :, None])[:, :, 0] + self.bias
        return scores

    def _blocks(self, features: NDArray[np.floating[Any]]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        if features.ndim != 2 or features.shape[1] != self.width:
            raise DataError(f"this head reads features (n, {self.width}); it was given {features.shape}.")
        for start in range(0, len(features), BLOCK):
            stop = min(start + BLOCK, len(features))
            block = np.zeros((BLOCK, self.width))
            block[: stop - start] = features[start:stop]
            yield slice(start, stop), block
