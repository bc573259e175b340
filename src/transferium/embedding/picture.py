"""One picture, decoded once for every backbone that reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.decode import decode
from transferium.data.samples import Samples
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess


class Picture:
    """One raw example, decoded and cut at most once for each way that is asked for."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._decoded: dict[int | None, Any] = {}
        self._cut: dict[tuple[Any, ...], Any] = {}

    def read(self, preprocess: ImagePreprocess | CallablePreprocess) -> NDArray[np.float32]:
        """The input that one preprocessing makes of it; raises ``UnreadableImage``."""
        at_least = preprocess.decode_at_least
        if at_least not in self._decoded:
            self._decoded[at_least] = decode(self._raw, at_least)
        if isinstance(preprocess, CallablePreprocess):
            return preprocess(self._decoded[at_least])
        way = (at_least, *preprocess.geometry)
        if way not in self._cut:
            self._cut[way] = preprocess.cut(self._decoded[at_least])
        return preprocess.normalise(self._cut[way])


def read_picture(samples: Samples, index: int) -> Picture | str:
    """The example, or why it cannot be read; a file that has gone missing is not the content's fault."""
    try:
        return Picture(samples.raw(index))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
