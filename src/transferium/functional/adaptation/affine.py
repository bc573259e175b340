"""An affine map of features, which can be folded into a linear head on the mapped features."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from transferium.functional.matrices import Array, Floats, fraction


@dataclass(frozen=True, eq=False)
class Affine:
    """``x -> x @ matrix + offset`` for rows ``x``; without matrix and offset, ``x`` itself, bit for bit.

    >>> Affine(2 * np.eye(2), np.array([1.0, 0.0]))(np.array([[1.0, 1.0]])).tolist()
    [[3.0, 2.0]]
    """

    matrix: Array | None = None
    offset: Array | None = None

    def __call__(self, x: Floats) -> Floats:
        out = x if self.matrix is None else x @ self.matrix
        return out if self.offset is None else out + self.offset

    def fold(self, weight: Floats, bias: Floats) -> tuple[Array, Array]:
        """The head on *unmapped* features that equals the head ``(classes, width)``, ``(classes,)`` on mapped ones."""
        w, b = np.asarray(weight, dtype=np.float64), np.asarray(bias, dtype=np.float64)
        return (w if self.matrix is None else w @ self.matrix.T), (b if self.offset is None else b + w @ self.offset)

    def part_way(self, strength: float) -> Affine:
        """``(1 - strength) · x + strength · self(x)``: 0 is exactly the identity and 1 exactly this map."""
        if fraction(strength, "strength") in (0.0, 1.0):
            return self if strength else Affine()
        grown = None if self.matrix is None else (1 - strength) * np.eye(len(self.matrix)) + strength * self.matrix
        return Affine(grown, None if self.offset is None else strength * self.offset)


@dataclass(frozen=True, eq=False)
class Alignment:
    """The map of each domain, so that one head can read both. A target with the identity map needs no fold."""

    source: Affine
    target: Affine = field(default_factory=Affine)

    def part_way(self, strength: float) -> Alignment:
        return Alignment(self.source.part_way(strength), self.target.part_way(strength))
