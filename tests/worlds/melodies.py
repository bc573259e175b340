"""Recordings in which letters are tones, one after another, with their transcripts."""

from __future__ import annotations

import io
import wave
from itertools import product

import numpy as np

from transferium.data.domain import Domain
from transferium.data.read import read

RATE = 8000
PITCH = {"a": 400, "b": 900, "c": 1700}


def melody(word: str) -> bytes:
    """A WAV file in which each letter sounds for a sixth of a second, with a short rest behind it."""
    at = np.arange(RATE // 8) / RATE
    parts = [np.concatenate([np.sin(2 * np.pi * PITCH[letter] * at), np.zeros(RATE // 24)]) for letter in word]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.concatenate(parts) * 20_000).astype("<i2").tobytes())
    return file.getvalue()


def melodies() -> Domain:
    """All 39 words of one to three letters."""
    words = ["".join(letters) for length in (1, 2, 3) for letters in product(PITCH, repeat=length)]
    return read([*map(melody, words)], kind="sound", label=words, problem="transcription")
