"""What is wrong with the answered boxes of a picture: missed, twice, in the wrong place, of the wrong class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.boxes.overlaps import overlaps

KINDS = ("right", "twice", "wrong class", "wrong place", "nothing there")
"""What an answered box can be; a true box that no right answer has found is missed."""
FOUND, NEAR = 0.5, 0.1
"""The overlap from which a box is found, and from which an answer is meant for it at all."""


def mistakes(label: NDArray[Any], answer: NDArray[Any]) -> tuple[list[str], NDArray[np.bool_]]:
    """What each row of ``answer (class, box, score)`` is, and which rows of ``label (class, box)`` are found.

    The surest answer comes first: a second one for the same box is ``twice``.

    >>> label = np.array([[0.0, 0, 0, 2, 2]])
    >>> answer = np.array([[0.0, 0, 0, 2, 2, 0.9], [0.0, 0, 0, 2, 2, 0.8], [0.0, 4, 4, 5, 5, 0.7]])
    >>> mistakes(label, answer)[0]
    ['right', 'twice', 'nothing there']
    """
    found, kinds = np.zeros(len(label), np.bool_), [""] * len(answer)
    shared = overlaps(answer[:, 1:5], label[:, 1:5])
    for at in np.argsort(-answer[:, 5], kind="stable").tolist():
        alike = label[:, 0] == answer[at, 0]
        kinds[at] = _kind(shared[at], alike, found)
        if kinds[at] == "right":
            found[int(np.where(alike & ~found, shared[at], -1).argmax())] = True
    return kinds, found


def _kind(shared: NDArray[Any], alike: NDArray[np.bool_], found: NDArray[np.bool_]) -> str:
    if (shared[alike & ~found] >= FOUND).any():
        return "right"
    if (shared[alike] >= FOUND).any():
        return "twice"
    if (shared[~alike] >= FOUND).any():
        return "wrong class"
    return "wrong place" if (shared >= NEAR).any() else "nothing there"
