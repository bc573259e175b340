"""The inputs on which a new graph is checked: the first real ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.pixels import UnreadableImage
from transferium.data.samples import Samples
from transferium.embedding.picture import Picture
from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess, TextPreprocess

COUNT = 4


def first_inputs(samples: Samples, indices: Iterable[int], backbone: Backbone) -> list[NDArray[Any]]:
    """Up to four readable examples as the backbone reads them, texts of different lengths; noise where none is."""
    found: dict[Any, NDArray[Any]] = {}
    for index in indices:
        array = _read(samples, index, backbone)
        if array is not None and array.size:
            found.setdefault(len(array) if backbone.kind == "text" else index, array)
        if len(found) == COUNT:
            break
    return list(found.values()) or noise(backbone)


def noise(backbone: Backbone) -> list[NDArray[Any]]:
    """Made-up inputs of the right shape."""
    draw = np.random.default_rng(0)
    preprocess = backbone.preprocess
    if isinstance(preprocess, TextPreprocess):
        return [np.array(preprocess([text])[0], np.int64) for text in ("one text", "another, somewhat longer text")]
    if isinstance(preprocess, ImagePreprocess):
        shape = (3, preprocess.size, preprocess.size)
        return [draw.standard_normal(shape).astype(np.float32) for _ in range(2)]
    from PIL import Image

    pixels = draw.integers(0, 256, (256, 256, 3), np.uint8)
    return [] if preprocess is None else [preprocess(Image.fromarray(pixels))]


def _read(samples: Samples, index: int, backbone: Backbone) -> NDArray[Any] | None:
    preprocess = backbone.preprocess
    if preprocess is None:
        return None
    if isinstance(preprocess, TextPreprocess):
        return np.array(preprocess([str(samples.raw(index))])[0], np.int64)
    try:
        return Picture(samples.raw(index)).read(preprocess)
    except (UnreadableImage, OSError):
        return None
