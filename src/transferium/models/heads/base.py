"""The interface of every head: features in, calibrated outputs out, each row independent of the others."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.sequences.ragged import is_ragged_array, within
from transferium.problems.problem import Link, linked

T = TypeVar("T", bound="AnyHead")
BLOCK = 32
"""Rows computed together. The last block is padded, so every block has one shape."""


class AnyHead(ABC):
    """Outputs ``link(scores(x) / temperature)``, bit-identical for a row alone or in any batch, at any position.

    ``link`` is that of the problem: softmax (probabilities of classes), sigmoid (of labels), identity (amounts).

    A kind of head defines how a block of rows is scored, what is saved, and the name by which ``heads.head_from_saved``
    finds it. Evaluation, artifact and prediction use nothing else; code that needs weights calls ``head.linear`` first.
    Each kind is a frozen dataclass with a ``temperature``.
    """

    kind: ClassVar[str]
    temperature: float
    link: Link

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise DataError(f"a temperature is positive and finite; this one is {self.temperature}.")

    @property
    @abstractmethod
    def classes(self) -> int:
        """The number of scores: one for each class, label or amount."""

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of features that the head reads."""

    @abstractmethod
    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Its arrays by name, as they are saved; the temperature is not among them."""

    @abstractmethod
    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Unscaled logits of one whole block; no row's may depend on another's."""

    def facts(self) -> dict[str, Any]:
        """The facts that must be saved beside the tensors and the temperature, as plain data."""
        return {"kind": self.kind} | self._saved_link()

    def _saved_link(self) -> dict[str, str]:
        """The link as it is saved: softmax is the default and is left out."""
        return {} if self.link == "softmax" else {"link": self.link}

    def with_temperature(self: T, temperature: float) -> T:
        """The same head at another temperature."""
        other = copy.copy(self)
        object.__setattr__(other, "temperature", temperature)
        AnyHead.__post_init__(other)
        return other

    def equals(self, other: AnyHead) -> bool:
        """Whether both score every row alike, to the bit: the same kind, facts and tensors, at any temperature."""
        mine, theirs = self.to_tensors(), other.to_tensors()
        return (
            self.facts() == other.facts()
            and mine.keys() == theirs.keys()
            and all(np.array_equal(mine[name], theirs[name]) for name in mine)
        )

    def logits(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Unscaled logits ``(n, classes)`` of features ``(n, width)``; of ragged features, ragged ones."""
        if is_ragged_array(features):
            return within(self.logits, features)
        result = np.empty((len(features), self.classes))
        for rows, block in self._blocks(features):
            result[rows] = self._scores(block)[: rows.stop - rows.start]
        return result

    def outputs(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Calibrated probabilities, or amounts, ``(n, classes)`` of features ``(n, width)``; ragged where they are."""
        if is_ragged_array(features):
            return within(self.outputs, features)
        result = np.empty((len(features), self.classes))
        for rows, block in self._blocks(features):
            scores = self._scores(block) / self.temperature
            result[rows] = linked(scores, self.link)[: rows.stop - rows.start]
        return result

    def predict(self, features: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """The index of the most probable class of each row."""
        best: NDArray[np.intp] = self.logits(features).argmax(axis=1)
        return best

    def activations(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """What is compared or weighed: here, the features themselves."""
        return np.asarray(features, np.float64)

    def _blocks(self, features: NDArray[np.floating[Any]]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        if features.ndim != 2 or features.shape[1] != self.width:
            raise DataError(f"this head reads features (n, {self.width}); it was given {features.shape}.")
        for start in range(0, len(features), BLOCK):
            stop = min(start + BLOCK, len(features))
            block = np.zeros((BLOCK, self.width))
            block[: stop - start] = features[start:stop]
            yield slice(start, stop), block
