"""Views of a picture, to learn from: parts of it, larger wholes, mirror images, and its boxes in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WHOLE = (0.0, 0.0, 1.0, 1.0)
Window = tuple[float, float, float, float]
"""Left, top, right and bottom of a view, as shares of the picture's sides; it may reach beyond the picture."""
LARGEST, SMALLEST, STRETCH = 1.4, 0.6, 1.2
"""How large the side of a view may be, as a share of the picture's, and how far its proportions may differ."""
LEAST = 0.3
"""The share of a box that must be in a view for the box to be there."""


def windows(count: int, seed: int) -> list[tuple[Window, bool]]:
    """``count`` views, each with whether it is mirrored: the whole, its mirror image, then random ones by turns."""
    draw = np.random.default_rng([seed, count])
    found: list[tuple[Window, bool]] = [(WHOLE, False), (WHOLE, True)]
    while len(found) < count:
        size = np.exp(draw.uniform(np.log(SMALLEST), np.log(LARGEST)))
        shape = np.exp(draw.uniform(-1, 1) * np.log(STRETCH))
        sides = np.array([size * shape, size / shape])
        start = draw.uniform(np.minimum(0, 1 - sides), np.maximum(0, 1 - sides))
        left, top, right, bottom = (float(side) for side in (*start, *(start + sides)))
        found.append(((left, top, right, bottom), len(found) % 2 == 1))
    return found[:count]


def boxes_seen(label: NDArray[Any], window: Window, *, mirrored: bool) -> NDArray[np.float64]:
    """The boxes of ``label``, ``(class, box)``, as shares of a view, without those that are mostly outside of it.

    >>> boxes_seen(np.array([[0, 0.0, 0.0, 0.5, 1.0]]), (0.0, 0.0, 1.0, 1.0), mirrored=True).tolist()
    [[0.0, 0.5, 0.0, 1.0, 1.0]]
    """
    left, top, right, bottom = window
    boxes, start = label[:, 1:5], np.array([left, top, left, top])
    inside = np.clip(boxes, start, [right, bottom, right, bottom])
    whole, kept = ((sides[:, 2:] - sides[:, :2]).prod(axis=1) for sides in (boxes, inside))
    seen = (inside - start) / np.tile([right - left, bottom - top], 2)
    if mirrored:
        seen[:, [0, 2]] = 1 - seen[:, [2, 0]]
    placed: NDArray[np.float64] = np.column_stack([label[:, 0], seen])[kept >= LEAST * whole]
    return placed
