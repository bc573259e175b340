"""Small folders of sound files: low and high notes under noise, as classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LOW_HIGH = {"low": 300.0, "high": 1200.0}


def note(hertz: float, *, seconds: float = 0.3, rate: int = 8000, seed: int = 0) -> NDArray[np.float32]:
    """One note, a little out of tune, under noise."""
    draw = np.random.default_rng(seed)
    at = np.arange(round(seconds * rate)) / rate
    sung = 0.3 * np.sin(2 * np.pi * hertz * draw.uniform(0.9, 1.1) * at + draw.uniform(0, 6))
    return (sung + draw.normal(scale=0.02, size=len(at))).astype(np.float32)


def write_sounds(root: Path, *, each: int = 12, seed: int = 0, suffix: str = ".wav", rate: int = 8000) -> Path:
    """``each`` files of every class of ``LOW_HIGH``, in a folder of its name."""
    import soundfile

    for c, (name, hertz) in enumerate(LOW_HIGH.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            wave = note(hertz, rate=rate, seed=1000 * seed + 100 * c + i)
            soundfile.write(root / name / f"{i:02}{suffix}", wave, rate)
    return root
