"""A head that is not linear: affine layers with rectifiers between, then a linear layer and a temperature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.models.heads.linear import Head
from transferium.problems.problem import Link

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class LayeredHead(Head):
    """``Head`` on the rectified outputs of ``hidden`` layers ``(weight (out, in), bias (out,))``.

    ``h_0 = x``, ``h_k = max(0, W_k h_{k-1} + b_k)``. Like a :class:`Head`, a row's result is bit-identical alone or in
    any batch. A normalisation with fixed statistics is an affine map: fold it into the layer after it.

    >>> head = LayeredHead(np.eye(2), np.zeros(2), 1.0, ((np.eye(2), np.array([-1.0, 0.0])),))
    >>> head.logits(np.array([[0.5, 2.0], [3.0, -1.0]])).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """

    kind: ClassVar[str] = "layered"

    hidden: tuple[Layer, ...] = field(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        made = []
        for weight, bias in self.hidden:
            w, b = np.ascontiguousarray(weight, np.float64), np.ascontiguousarray(bias, np.float64)
            if w.ndim != 2 or b.shape != w.shape[:1]:
                raise DataError(f"a hidden layer needs weight (out, in) and bias (out,); got {w.shape} {b.shape}.")
            if not (np.isfinite(w).all() and np.isfinite(b).all()):
                raise DataError("a hidden layer needs finite weights; some of these are not. The fit failed.")
            made.append((w, b))
        outs, ins = [w.shape[0] for w, _ in made], [w.shape[1] for w, _ in made]
        if [*ins[1:], self.weight.shape[1]] != outs and made:
            raise DataError(f"layers do not fit together: they give {outs} and are read as {[*ins[1:], self.top]}.")
        object.__setattr__(self, "hidden", tuple(made))

    @property
    def width(self) -> int:
        """Features that the first layer reads."""
        return int(self.hidden[0][0].shape[1]) if self.hidden else self.top

    @property
    def top(self) -> int:
        """Activations that the linear layer reads."""
        return int(self.weight.shape[1])

    def activations(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The input of the linear layer: ``(n, top)``."""
        result = np.empty((len(features), self.top))
        for rows, block in self._blocks(features):
            result[rows] = self._rectified(block)[: rows.stop - rows.start]
        return result

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """The weights by name, the hidden layers in order."""
        tensors = super().to_tensors()
        for i, (weight, bias) in enumerate(self.hidden):
            tensors |= {f"head.hidden.{i}.weight": weight, f"head.hidden.{i}.bias": bias}
        return tensors

    def _rectified(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        for weight, bias in self.hidden:
            block = np.maximum(np.matmul(weight, block[:, :, None])[:, :, 0] + bias, 0.0)
        return block

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return super()._scores(self._rectified(block))


def head_from_tensors(tensors: dict[str, NDArray[np.float64]], temperature: float, link: Link = "softmax") -> Head:
    """The opposite of ``to_tensors``: linear where no hidden layer is named. Raises ``KeyError`` for what is missing.

    >>> head = LayeredHead(np.eye(1), np.zeros(1), 2.0, ((np.ones((1, 3)), np.zeros(1)),))
    >>> head_from_tensors(head.to_tensors(), 2.0).width
    3
    """
    count = sum(name.startswith("head.hidden.") and name.endswith(".weight") for name in tensors)
    hidden = tuple((tensors[f"head.hidden.{i}.weight"], tensors[f"head.hidden.{i}.bias"]) for i in range(count))
    weight, bias = tensors["head.weight"], tensors["head.bias"]
    if hidden:
        return LayeredHead(weight, bias, temperature, hidden, link=link)
    return Head(weight, bias, temperature, link=link)
