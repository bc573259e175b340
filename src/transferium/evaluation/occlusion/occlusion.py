"""Examples of each kind without one of their parts: what an answer owes to that part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.evaluation.corruptions.corruptions import CORRUPTIONS
from transferium.models.backbone import Backbone

SIDE, PIECES, WORDS = 7, 10, 60
"""A picture has 7 x 7 patches, a recording 10 pieces; of a text the first 60 words are left out, each alone."""


@dataclass(frozen=True)
class Parts:
    """One example without each of its parts: ``names`` of the parts, ``without`` each, and the grid's ``shape``."""

    names: list[str]
    without: list[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Occlusion:
    """How examples of one kind lose a part: what is done in words, what makes examples ready, and ``apart``."""

    said: str
    apart: Callable[[Any], Parts]
    ready: Callable[[Domain, Backbone], Domain] = lambda domain, _backbone: domain


def _patches(picture: NDArray[np.uint8]) -> Parts:
    """A picture ``(h, w, 3)`` with one patch of a grid in the mean colour; as many patches as it has pixels for."""
    rows, columns = (np.linspace(0, n, min(SIDE, n) + 1).astype(int) for n in picture.shape[:2])
    mean = picture.reshape(-1, picture.shape[-1]).mean(axis=0).round().astype(picture.dtype)
    names, without = [], []
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            other = picture.copy()
            other[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] = mean
            names.append(f"row {i + 1}, column {j + 1}")
            without.append(other)
    return Parts(names, without, (len(rows) - 1, len(columns) - 1))


def _words(text: str) -> Parts:
    """A text without one of its words; where no spaces stand, without one of its characters."""
    words = text.split()
    gap = " " if len(words) > 1 else ""
    words = words if len(words) > 1 else list(text.strip())
    some = words[:WORDS]
    return Parts(some, [gap.join(words[:i] + words[i + 1 :]) for i in range(len(some))], (len(some),))


def _pieces(sound: tuple[NDArray[np.float32], int]) -> Parts:
    """A recording, samples and rate, with one of its pieces silent."""
    samples, rate = sound
    ends = np.linspace(0, len(samples), PIECES + 1).astype(int)
    names, without = [], []
    for start, end in pairwise(ends.tolist()):
        other = samples.copy()
        other[start:end] = 0
        names.append(f"{start / rate:.2f} to {end / rate:.2f} s")
        without.append((other, rate))
    return Parts(names, without, (PIECES,))


OCCLUSIONS: dict[Kind, Occlusion] = {
    "image": Occlusion("each patch of a grid under the picture's mean colour", _patches, CORRUPTIONS["image"].ready),
    "text": Occlusion(f"each of the first {WORDS} words left out", _words),
    "sound": Occlusion(f"each of {PIECES} pieces silent", _pieces, CORRUPTIONS["sound"].ready),
}
"""What each kind of example can lose."""
