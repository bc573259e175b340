"""Embedding of pictures and sounds: each is decoded once, preprocessed for each backbone that needs it, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.pixels import UnreadableImage
from transferium.data.samples import Samples
from transferium.data.sounds.decode import UnreadableSound
from transferium.embedding.engines.engine import Engine
from transferium.embedding.store.missing import Need
from transferium.embedding.store.table import Row


@dataclass(frozen=True)
class Wanted:
    """One example, and the backbones that have no features of it yet."""

    index: int
    key: str
    needs: tuple[Need, ...]


class Readable(Protocol):
    """One example that several preprocessings read."""

    def read(self, preprocess: Any) -> NDArray[Any]: ...


def image_tasks(_samples: Samples, wanted: Sequence[Wanted], engines: dict[int, Engine]) -> Iterator[Sequence[Wanted]]:
    """As many examples at a time as the engines want."""
    step = max((engine.images for engine in engines.values()), default=1)
    return (wanted[start : start + step] for start in range(0, len(wanted), step))


def array_work(
    opened: Callable[[Samples, int], Readable | str], samples: Samples, engines: dict[int, Engine]
) -> Callable[[Sequence[Wanted]], Iterator[tuple[Need, Row, bool]]]:
    """The work on one task: (whose, what, whether it may be stored), for each example and backbone.

    ``opened`` gives an example that is decoded once for all of them, or why it cannot be read.
    """

    def work(task: Sequence[Wanted]) -> Iterator[tuple[Need, Row, bool]]:
        batches: dict[int, tuple[Need, list[str], list[NDArray[Any]]]] = {}
        for example in task:
            one = opened(samples, example.index)
            for need in example.needs:
                if isinstance(one, str):
                    yield need, Row(example.key, None, one), False
                    continue
                try:
                    array = one.read(need.backbone.preprocess)
                except (UnreadableImage, UnreadableSound) as error:
                    yield need, Row(example.key, None, error.reason), True
                    continue
                _, keys, arrays = batches.setdefault(id(need), (need, [], []))
                keys.append(example.key)
                arrays.append(array)
        for need, keys, arrays in batches.values():
            for key, row in zip(keys, engines[id(need)].run(np.stack(arrays)), strict=True):
                yield need, Row(key, row), True

    return work
