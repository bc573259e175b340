"""Spectrograms as pictures, and samples as a file that a browser plays."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

from transferium.functional.sounds.log_mel import DEEPEST

_COLOURS = np.array([[13, 17, 38], [38, 57, 113], [32, 114, 138], [92, 176, 120], [247, 227, 115]], np.float64)
"""From quiet to loud; lighter is louder, so that it can be read without colours too."""


def drawn(decibels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """``(bands, frames)`` of a spectrogram as colours ``(bands, frames, 3)``, low pitch at the bottom.

    >>> drawn(np.array([[-80.0], [0.0]], np.float32))[:, 0].tolist()
    [[247, 227, 115], [13, 17, 38]]
    """
    at = (1 + np.clip(decibels[::-1] / DEEPEST, -1, 0)) * (len(_COLOURS) - 1)
    colours = [np.interp(at, np.arange(len(_COLOURS)), channel) for channel in _COLOURS.T]
    picture: NDArray[np.uint8] = np.stack(colours, axis=-1).round().astype(np.uint8)
    return picture


def as_wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """The bytes of a WAV file of 16 bits; what is beyond full scale is cut."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return held.getvalue()
