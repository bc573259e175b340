"""One sound, decoded once for every backbone that reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.samples import Samples
from transferium.models.sound_preprocess import HeardPreprocess


class Recording:
    """One raw sound, decoded and resampled at most once for each way that is asked for."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self._samples: dict[tuple[int, int], NDArray[np.float32]] = {}

    def read(self, preprocess: HeardPreprocess) -> NDArray[np.float32]:
        """The input that one preprocessing makes of it; raises ``UnreadableSound``."""
        way = preprocess.rate, preprocess.seconds
        if way not in self._samples:
            self._samples[way] = preprocess.samples(self._raw)
        return preprocess.inputs(self._samples[way])


def read_recording(samples: Samples, index: int) -> Recording | str:
    """The example, or why it cannot be read; a file that has gone missing is not the content's fault."""
    try:
        return Recording(samples.raw(index))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
