"""Layers that were trained on encoded rows: they run in NumPy and are written as plain JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RowLayers:
    """``h_k = max(0, W_k h_{k-1} + b_k)`` of encoded rows ``h_0 (n, sizes[0])``: the answer is ``h_0`` and the last.

    Without ``plain`` it is the last alone. ``content`` holds ``W_1 (sizes[1], sizes[0])``, ``b_1``, ``W_2`` … one
    after another in single precision. Sums are made in double precision, so that a row's answer hangs on no other row.

    >>> one = RowLayers.of([(np.array([[1.0, -1.0]]), np.array([0.5]))])
    >>> one(np.array([[2.0, 1.0], [0.0, 1.0]], np.float32)).tolist()
    [[2.0, 1.0, 1.5], [0.0, 1.0, 0.0]]
    """

    sizes: tuple[int, ...]
    content: bytes
    plain: bool = True

    @classmethod
    def of(cls, layers: Sequence[tuple[NDArray[Any], NDArray[Any]]], plain: bool = True) -> RowLayers:
        """The layers with these weights and biases, the first one first."""
        sizes = (layers[0][0].shape[1], *(len(bias) for _, bias in layers))
        numbers = [np.ascontiguousarray(part, "<f4").tobytes() for layer in layers for part in layer]
        return cls(sizes, b"".join(numbers), plain)

    @property
    def width(self) -> int:
        """How many numbers come out for a row."""
        return self.sizes[-1] + (self.sizes[0] if self.plain else 0)

    def layers(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Weights and biases, as :meth:`of` takes them."""
        numbers, at = np.frombuffer(self.content, "<f4"), 0
        found = []
        for fan_in, out in pairwise(self.sizes):
            weight = numbers[at : at + out * fan_in].reshape(out, fan_in)
            found.append((weight, numbers[at + out * fan_in : at + out * (fan_in + 1)]))
            at += out * (fan_in + 1)
        return found

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, sizes[0])`` -> ``(n, width)``."""
        hidden = rows.astype(np.float64)
        for weight, bias in self.layers():
            hidden = np.maximum(hidden @ weight.T.astype(np.float64) + bias, 0)
        answer = hidden.astype(np.float32)
        return np.concatenate([rows, answer], axis=1) if self.plain else answer

    def redrawn(self, seed: int) -> RowLayers:
        """The same layers with random weights, uniform within ``1 / √fan_in`` as PyTorch draws them."""
        draw = np.random.default_rng(seed)
        parts = [
            (draw.uniform(-limit, limit, (out, fan_in)), draw.uniform(-limit, limit, out))
            for fan_in, out in pairwise(self.sizes)
            if (limit := 1 / math.sqrt(fan_in))
        ]
        return replace(RowLayers.of(parts), plain=self.plain)

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "sizes": list(self.sizes),
            "weights": base64.b64encode(self.content).decode("ascii"),
            "plain": self.plain,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> RowLayers:
        """The inverse of :meth:`to_json`; ``ValueError`` for what makes no sense."""
        made = cls(tuple(map(int, saved["sizes"])), base64.b64decode(saved["weights"]), bool(saved["plain"]))
        needed = sum(out * (fan_in + 1) for fan_in, out in pairwise(made.sizes))
        if len(made.sizes) < 2 or min(made.sizes) < 1 or len(made.content) != 4 * needed:
            raise ValueError(f"its layers of sizes {made.sizes} hold {len(made.content) // 4} numbers")
        if not np.isfinite(np.frombuffer(made.content, "<f4")).all():
            raise ValueError("its layers hold numbers that are not finite")
        return made
