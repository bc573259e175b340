"""Normal random numbers that stay the same for every version of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Normal = Callable[[tuple[int, ...], float], NDArray[np.float32]]


def normal(seed: int) -> Normal:
    """``draw(shape, std)``: one tensor after another of N(0, std²), float32.

    ``z = sqrt(-2 ln u) (cos 2πv, sin 2πv)`` of uniform u, v in (0, 1] (Box and Muller 1958). They are made from the
    bits of PCG64, which NumPy keeps as they are; its own normal numbers may change with a version. Features of random
    weights are kept by their seed, so they must not change.

    >>> normal(0)((2, 2), 1.0).shape
    (2, 2)
    """
    bits = np.random.PCG64(seed)

    def draw(shape: tuple[int, ...], std: float) -> NDArray[np.float32]:
        count = math.prod(shape)
        pairs = bits.random_raw((count + 1) // 2)
        u, v = (((pairs >> np.uint64(shift)) & np.uint64(0xFFFFFF)).astype(np.float32) for shift in (8, 40))
        radius = np.sqrt(np.float32(-2) * np.log((u + 1) / np.float32(2**24))) * np.float32(std)
        angle = v * np.float32(2 * math.pi / 2**24)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count].reshape(shape)

    return draw
