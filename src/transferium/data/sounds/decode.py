"""Decoding of any sound to one channel of float32 samples, or the reason why it cannot be decoded."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.sniff import HEAD
from transferium.data.sounds.sniff import no_sound, sniff_sound
from transferium.errors import DataError
from transferium.system.checked_files import open_file
from transferium.system.extras import require_sounds

SHORTEST = 0.01
"""Seconds: the shortest sound that says anything."""
LOWEST, HIGHEST = 1_000, 768_000
"""Samples a second that a recording may have."""
SILENT = 1e-5
"""A peak below this share of full scale (-100 dB) is silence."""
FULL = 0.9999
"""From this share of full scale on a sample may be clipped; three in a row are."""


class UnreadableSound(DataError):  # noqa: N818  (it says what the sound is, as ``UnreadableImage`` does)
    """One sound cannot be used; ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class SoundFacts:
    """What is known of a recording; ``silent``, ``clipped``, ``peak`` and ``loudness`` (dB) are those of its beginning.

    ``seconds``, ``channels`` and ``bits`` (0: unknown) are of the whole. ``clipped`` says whether a channel stays at
    full scale for three samples or more.
    """

    rate: int
    channels: int
    seconds: float
    bits: int
    clipped: bool
    peak: float
    loudness: float

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard in what was read."""
        return self.peak < SILENT


@dataclass(frozen=True)
class Sound:
    """The beginning of a recording: ``samples`` float32 ``(n,)``, the mean of all channels, about -1 to 1."""

    samples: NDArray[np.float32]
    facts: SoundFacts


def is_wave(value: Any) -> bool:
    """Whether this is a recording in memory: samples and their rate, ``(array, 16000)`` or as Hugging Face has them."""
    array, rate = wave_parts(value)
    return array is not None and isinstance(rate, (int, np.integer)) and getattr(array, "ndim", 0) in (1, 2)


def decode_sound(raw: Any, seconds: float) -> Sound:
    """The first ``seconds`` of a path, encoded bytes, or ``(samples, rate)``; no more of it is read into memory.

    Samples are ``(n,)`` or ``(n, channels)``; whole numbers are a share of the largest that their type holds. Raises
    ``UnreadableSound``, and ``OSError`` for a file that cannot be read. Safe to call from many threads.

    >>> decode_sound((np.zeros((8000, 2), np.int16), 8000), 0.5).samples.shape
    (4000,)
    """
    if isinstance(raw, (Path, bytes, bytearray, memoryview)):
        return _from_file(raw, seconds)
    array, rate = wave_parts(raw)
    if array is None or rate is None:
        raise UnreadableSound(f"not a sound but {type(raw).__name__}")
    whole = np.asarray(array)
    if whole.ndim not in (1, 2) or whole.dtype.kind not in "iuf":
        raise UnreadableSound(f"not a sound but {whole.dtype} values of shape {whole.shape}")
    start = whole[: _count(int(rate), seconds)]
    scaled = start.astype(np.float32)
    if whole.dtype.kind in "iu":
        most = float(np.iinfo(whole.dtype).max)
        scaled = (scaled - (most + 1) / 2) / ((most + 1) / 2) if whole.dtype.kind == "u" else scaled / most
    return _sound(scaled, int(rate), len(whole), 8 * whole.dtype.itemsize)


def format_of(raw: Any) -> str:
    """The format that the bytes of a sound have; ``""`` where they are not known, or were decoded already."""
    if isinstance(raw, Path):
        with open_file(raw) as file:
            return sniff_sound(file.read(HEAD))
    return sniff_sound(bytes(raw[:HEAD])) if isinstance(raw, (bytes, bytearray, memoryview)) else ""


def wave_parts(value: Any) -> tuple[Any, Any]:
    """The samples of a recording in memory and their rate; None for what is neither."""
    if isinstance(value, Mapping):
        return value.get("array"), value.get("sampling_rate")
    if isinstance(value, tuple) and len(value) == 2 and hasattr(value[0], "dtype"):
        return value
    return None, None


def _from_file(raw: Path | bytes | bytearray | memoryview, seconds: float) -> Sound:
    require_sounds()
    import soundfile

    with _opened(raw) as (file, head):
        if not head:
            raise UnreadableSound("empty file (0 bytes)")
        format = sniff_sound(head)
        if reason := no_sound(format):
            raise UnreadableSound(reason)
        try:
            with soundfile.SoundFile(file) as sound:
                rate, frames, bits = sound.samplerate, sound.frames, _BITS.get(sound.subtype, 0)
                samples = sound.read(_count(rate, seconds), dtype="float32", always_2d=True)
        except UnreadableSound:
            raise
        except Exception as error:  # a decoder fed with damaged bytes raises whatever it stumbles over
            words = " ".join(str(error).split()) or type(error).__name__
            raise UnreadableSound(f"damaged {format.upper() or 'sound'} ({words[:200]})") from error
    return _sound(samples, rate, max(frames, len(samples)), bits)


_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}


@contextmanager
def _opened(raw: Path | bytes | bytearray | memoryview) -> Iterator[tuple[Any, bytes]]:
    """A file to read from, and its first bytes."""
    if isinstance(raw, Path):
        with open_file(raw) as file:
            head = file.read(HEAD)
            file.seek(0)
            yield file, head
    else:
        yield io.BytesIO(raw), bytes(raw[:HEAD])


def _count(rate: int, seconds: float) -> int:
    """Samples in so many seconds."""
    if not LOWEST <= rate <= HIGHEST:
        raise UnreadableSound(f"{rate:,} samples a second; a sound has {LOWEST:,} to {HIGHEST:,}")
    return math.ceil(rate * seconds)


def _sound(samples: NDArray[np.float32], rate: int, frames: int, bits: int) -> Sound:
    """The mean of all channels; raises ``UnreadableSound`` where there is nothing, or what are no numbers."""
    channels = samples[:, None] if samples.ndim == 1 else samples
    if not frames or not channels.shape[1]:
        raise UnreadableSound("empty recording (0 s)")
    if frames / rate < SHORTEST:
        what = "1 sample" if frames == 1 else f"{frames} samples"
        raise UnreadableSound(f"shorter than {1000 * SHORTEST:.0f} ms ({what} at {rate:,} Hz)")
    if not np.isfinite(channels).all():
        raise UnreadableSound("NaN or infinite samples")
    mono = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    loud = np.abs(channels) >= FULL
    clipped = bool((loud[2:] & loud[1:-1] & loud[:-2]).any())
    peak = float(np.abs(channels).max())
    loudness = 10 * math.log10(max(float(np.square(mono, dtype=np.float64).mean()), 1e-12))
    facts = SoundFacts(rate, channels.shape[1], frames / rate, bits, clipped, peak, loudness)
    return Sound(np.ascontiguousarray(mono), facts)
