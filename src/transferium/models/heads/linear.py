"""The linear head: a linear layer and a temperature on the features of a backbone. It needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.models.heads.base import BLOCK, AnyHead
from transferium.problems.problem import Link

__all__ = ["BLOCK", "Head", "answering", "linear"]


@dataclass(frozen=True, eq=False)
class Head(AnyHead):
    """``link((weight @ x + bias) / temperature)`` with ``weight (classes, width)`` and ``bias (classes,)``.

    Every row goes through the same matrix-vector product and the same block shape, whatever the other rows are: its
    result is bit-identical alone or in a batch, at any position.

    >>> head = Head(np.eye(2), np.zeros(2))
    >>> head.outputs(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """

    kind: ClassVar[str] = "linear"

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    temperature: float = 1.0
    link: Link = field(default="softmax", kw_only=True)

    def __post_init__(self) -> None:
        weight, bias = np.ascontiguousarray(self.weight, np.float64), np.ascontiguousarray(self.bias, np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise DataError(
                f"a head needs weight (classes, width) and bias (classes,); got {weight.shape} {bias.shape}."
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise DataError("a head needs finite weights; some of these are not. The fit that made them failed.")
        super().__post_init__()
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    @property
    def classes(self) -> int:
        return len(self.bias)

    @property
    def width(self) -> int:
        return int(self.weight.shape[1])

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as they are saved; the temperature is not among them."""
        return {"head.weight": self.weight, "head.bias": self.bias}

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        # One matrix-vector product per row: a matrix-matrix product may treat the rows at its edges differently.
        scores: NDArray[np.float64] = np.matmul(self.weight, block[:, :, None])[:, :, 0] + self.bias
        return scores


def linear(head: AnyHead) -> Head:
    """``head`` itself where it ends in a linear layer; raises ``DataError`` for a head without such weights."""
    if not isinstance(head, Head):
        raise DataError(f"this needs a linear head with weights; a {head.kind} head has none.")
    return head


def answering(head: AnyHead, theirs: Sequence[str], ours: Sequence[str]) -> AnyHead:
    """The head with the outputs ``ours`` in their order, which are among its own outputs, ``theirs``.

    Raises ``DataError`` for a head without weights, if anything is to change.
    """
    if tuple(theirs) == tuple(ours):
        return head
    found, order = linear(head), [tuple(theirs).index(name) for name in ours]
    return replace(found, weight=found.weight[order], bias=found.bias[order])
