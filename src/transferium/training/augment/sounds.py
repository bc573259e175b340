"""Random changes to a recording and to its picture, each a pure function of (seed, epoch, row).

Masks: Park et al., "SpecAugment: A simple data augmentation method for automatic speech recognition" (2019). Speed: Ko
et al., "Audio augmentation for speech recognition" (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.training.augment.recipe import SOUNDS, read_for

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SoundAugment:
    """The changes of a recipe that was read.

    >>> change = SoundAugment({"noise": 0.5})
    >>> wave = np.ones(4, np.float32)
    >>> bool((change.heard(wave, (0, 0, 3)) == change.heard(wave, (0, 0, 3))).all())
    True
    """

    amounts: Mapping[str, float]

    def heard(self, samples: Array, key: tuple[int, int, int]) -> Array:
        """A recording as it is heard under ``key`` (seed, epoch, row); its length may differ."""
        return self._changed(samples, OF_SAMPLES, key, 0)

    def seen(self, picture: Array, key: tuple[int, int, int]) -> Array:
        """Its picture ``(3, bands, frames)`` as it is seen under ``key``."""
        return self._changed(picture, OF_PICTURES, key, 1)

    def _changed(self, example: Array, changes: Mapping[str, Change], key: tuple[int, int, int], stage: int) -> Array:
        rng = np.random.default_rng([*key, stage])
        for name, change in changes.items():
            if name in self.amounts:
                example = change(example, self.amounts[name], rng)
        return example


Change = Callable[[Array, float, np.random.Generator], Array]


def _faster_or_slower(samples: Array, amount: float, rng: np.random.Generator) -> Array:
    """Played up to that share faster or slower; pitch changes with it."""
    by = 1 + rng.uniform(-amount, amount)
    at = np.arange(0, max(1, len(samples) - 1), by)
    changed: Array = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
    return changed


def _shifted(samples: Array, amount: float, rng: np.random.Generator) -> Array:
    """Up to that share of it later, behind silence, or earlier, without its beginning."""
    by = round(rng.uniform(-amount, amount) * len(samples))
    return np.concatenate([np.zeros(max(by, 0), np.float32), samples[max(-by, 0) :]])


def _noisy(samples: Array, amount: float, rng: np.random.Generator) -> Array:
    """With white noise of up to that share of its own loudness."""
    loudness = float(np.sqrt(np.square(samples, dtype=np.float64).mean()))
    noise = rng.normal(scale=rng.uniform(0, amount) * loudness, size=len(samples)).astype(np.float32)
    changed: Array = samples + noise
    return changed


def _without_moments(picture: Array, amount: float, rng: np.random.Generator) -> Array:
    return _masked(picture, amount, rng, 2)


def _without_pitches(picture: Array, amount: float, rng: np.random.Generator) -> Array:
    return _masked(picture, amount, rng, 1)


def _masked(picture: Array, amount: float, rng: np.random.Generator, axis: int) -> Array:
    """With the mean, 0, in place of a run of up to that share of one axis."""
    whole = picture.shape[axis]
    length = int(rng.integers(0, round(amount * whole) + 1))
    start = int(rng.integers(0, whole - length + 1))
    changed: Array = picture.copy()
    np.moveaxis(changed, axis, 0)[start : start + length] = 0
    return changed


OF_SAMPLES: dict[str, Change] = {"speed": _faster_or_slower, "delay": _shifted, "noise": _noisy}
OF_PICTURES: dict[str, Change] = {"mask-time": _without_moments, "mask-pitch": _without_pitches}
"""Changes in the order in which they are made."""


def find_sound_augment(recipe: str) -> SoundAugment | None:
    """The changes that ``recipe`` names for sounds, or None where there are none."""
    amounts = read_for(SOUNDS, recipe)
    return SoundAugment(amounts) if amounts else None
