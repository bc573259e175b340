"""Embedding of pictures: each is decoded once, preprocessed for each backbone that needs it, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.pixels import UnreadableImage
from transferium.data.samples import Samples
from transferium.embedding.engines.engine import Engine
from transferium.embedding.picture import read_picture
from transferium.embedding.store.missing import Need
from transferium.embedding.store.table import Row
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess


@dataclass(frozen=True)
class Wanted:
    """One example, and the backbones that have no features of it yet."""

    index: int
    key: str
    needs: tuple[Need, ...]


def image_tasks(_samples: Samples, wanted: Sequence[Wanted], engines: dict[int, Engine]) -> Iterator[Sequence[Wanted]]:
    """As many examples at a time as the engines want."""
    step = max((engine.images for engine in engines.values()), default=1)
    return (wanted[start : start + step] for start in range(0, len(wanted), step))


def image_work(
    samples: Samples, engines: dict[int, Engine]
) -> Callable[[Sequence[Wanted]], Iterator[tuple[Need, Row, bool]]]:
    """The work on one task: (whose, what, whether it may be stored), for each example and backbone."""

    def work(task: Sequence[Wanted]) -> Iterator[tuple[Need, Row, bool]]:
        batches: dict[int, tuple[Need, list[str], list[NDArray[np.float32]]]] = {}
        for example in task:
            picture = read_picture(samples, example.index)
            for need in example.needs:
                if isinstance(picture, str):
                    yield need, Row(example.key, None, picture), False
                    continue
                try:
                    array = picture.read(_of_images(need))
                except UnreadableImage as error:
                    yield need, Row(example.key, None, error.reason), True
                    continue
                _, keys, arrays = batches.setdefault(id(need), (need, [], []))
                keys.append(example.key)
                arrays.append(array)
        for need, keys, arrays in batches.values():
            for key, row in zip(keys, engines[id(need)].run(np.stack(arrays)), strict=True):
                yield need, Row(key, row), True

    return work


def _of_images(need: Need) -> ImagePreprocess | CallablePreprocess:
    preprocess = need.backbone.preprocess
    assert isinstance(preprocess, ImagePreprocess | CallablePreprocess)
    return preprocess
