"""A sound as a reader of the report sees and hears it."""

from __future__ import annotations

from typing import Any

from transferium.data.sounds.decode import UnreadableSound
from transferium.functional.sounds.drawing import as_wav, drawn
from transferium.models.sound_preprocess import SoundPreprocess
from transferium.report.gallery import SIDE, Heard

HEARD = 5
"""Seconds at the beginning of a sound that are drawn and played: some 200 KB in the page."""


def heard(raw: Any) -> Heard | None:
    """The beginning of a sound as a spectrogram and a WAV file; None where it cannot be read."""
    from PIL import Image

    reads = SoundPreprocess(seconds=HEARD)
    try:
        samples = reads.samples(raw)
    except (UnreadableSound, OSError):
        return None
    picture = Image.fromarray(drawn(reads.decibels(samples)))
    return Heard(picture.resize((SIDE, 3 * SIDE // 4), Image.Resampling.BICUBIC), as_wav(samples, reads.rate))
