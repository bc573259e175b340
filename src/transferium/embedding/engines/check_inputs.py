"""The inputs on which a new graph is checked: the first real ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from transferium.data.samples import Samples
from transferium.errors import DataError
from transferium.models.backbone import Backbone

COUNT = 4


def first_inputs(samples: Samples, indices: Iterable[int], backbone: Backbone) -> list[NDArray[Any]]:
    """Up to four readable examples as the backbone reads them, of different lengths; made-up ones where none is."""
    found: dict[int, NDArray[Any]] = {}
    if (preprocess := backbone.preprocess) is None:
        return []
    for index in indices:
        with suppress(DataError, OSError):
            array = preprocess.read(samples.raw(index))
            if array.size:
                found.setdefault(len(array) if preprocess.ragged else index, array)
        if len(found) == COUNT:
            break
    return list(found.values()) or noise(backbone)


def noise(backbone: Backbone) -> list[NDArray[Any]]:
    """Made-up inputs of the right shape."""
    return backbone.preprocess.made_up() if backbone.preprocess else []
