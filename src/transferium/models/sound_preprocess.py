"""Preprocessing of sounds: a log-mel picture, which a backbone for images reads, or samples, for networks that hear."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.sounds.decode import SHORTEST, SoundFacts, UnreadableSound, decode_sound
from transferium.errors import InputError
from transferium.functional.sounds.log_mel import log_mel, resampled
from transferium.models.preprocess import Preprocess

if TYPE_CHECKING:
    from transferium.data.domain import Domain

LONGEST = 600
"""The most seconds of a recording that are read."""
LOOKED_AT = 2000
"""Recordings of a domain, spread over it, whose length and rate are looked at before anything is read."""
SOME = 0.05
"""A share of recordings that counts as some, and as few."""


Heard = TypeVar("Heard", bound="HeardPreprocess")


@dataclass(frozen=True)
class HeardPreprocess(Preprocess):
    """The first ``seconds`` of a recording at ``rate`` samples a second, in one of several forms."""

    seconds: int
    rate: int = 16_000
    kind: ClassVar[str] = "sound"

    def check(self) -> None:
        if not all(isinstance(one, int) for one in (self.seconds, self.rate)) or not 0 < self.seconds <= LONGEST:
            raise ValueError(f"{self.seconds!r} seconds at a rate of {self.rate!r}")
        if not 1_000 <= self.rate <= 96_000:
            raise ValueError(f"a rate of {self.rate}")

    def read(self, raw: Any) -> NDArray[np.float32]:
        return self.inputs(self.samples(raw))

    def samples(self, raw: Any) -> NDArray[np.float32]:
        """The beginning of a recording at ``rate``; raises ``UnreadableSound`` and ``OSError``."""
        sound = decode_sound(raw, self.seconds)
        return resampled(sound.samples, sound.facts.rate, self.rate)[: self.seconds * self.rate]

    @abstractmethod
    def inputs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a network reads of samples at ``rate``."""

    def lasting(self: Heard, seconds: int) -> Heard:
        """The same preprocessing of the first ``seconds``."""
        if not 1 <= seconds <= LONGEST:
            raise InputError(f"seconds={seconds} of a sound cannot be read; give 1 to {LONGEST}.")
        return replace(self, seconds=seconds)

    def of_length(self: Heard, facts: Sequence[SoundFacts]) -> Heard:
        """The same of as many seconds as all but the longest of these recordings last, and no more than now."""
        if not facts:
            return self
        longest = float(np.quantile([one.seconds for one in facts], 1 - SOME))
        return replace(self, seconds=math.ceil(min(self.seconds, longest)))

    def unread(self, *domains: Domain) -> str:
        facts = _looked_at(domains)
        longer = [one.seconds for one in facts if one.seconds > self.seconds * (1 + 1e-6)]
        if not longer:
            return ""
        all_of = "sounds that were looked at" if any(len(d) > LOOKED_AT for d in domains) else "sounds"
        return (
            f"{len(longer):,} of {len(facts):,} {all_of} last longer than the {self.seconds} s that are read of each "
            f"(up to {max(longer):,.1f} s): only their beginning is used; to read more, set seconds"
        )

    def to_json(self) -> dict[str, Any]:
        return {"kind": "sound", **asdict(self)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Preprocess:
        made = WavePreprocess(**fields) if "normalised" in fields else SoundPreprocess(**fields)
        made.check()
        return made


@dataclass(frozen=True)
class SoundPreprocess(HeardPreprocess):
    """The first ``seconds`` at ``rate`` samples a second, as a picture ``(3, bands, frames)`` of how loud pitches are.

    Its values are decibels, moved and scaled to mean 0 and standard deviation 1 over the recording, as pictures are
    that weights of ImageNet know; the three colours are the same. A shorter recording is filled up at its end with its
    quietest value. ``window`` and ``step`` are milliseconds, ``low`` is the lowest pitch in hertz.

    >>> SoundPreprocess(seconds=2, rate=8000).frames
    800
    """

    window: float = 25.0
    step: float = 2.5
    bands: int = 128
    low: float = 20.0

    def check(self) -> None:
        super().check()
        if not isinstance(self.bands, int) or not (8 <= self.bands <= 512 and 0 <= self.low < self.rate / 4):
            raise ValueError(f"{self.bands} bands from {self.low} Hz at a rate of {self.rate}")
        if not (1 <= self.step <= 100 and self.step <= self.window <= 1000):
            raise ValueError(f"windows of {self.window} ms every {self.step} ms")

    @property
    def shape(self) -> str:
        return f"{self.bands} x {self.frames}"

    @property
    def frames(self) -> int:
        """How many moments a picture has."""
        return round(1000 * self.seconds / self.step)

    def inputs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(3, bands, frames)`` of samples at ``rate``."""
        drawn = self.decibels(samples)
        drawn -= drawn.mean()
        drawn /= max(float(drawn.std()), 1e-3)
        made = np.full((3, self.bands, self.frames), drawn.min(), np.float32)
        made[:, :, : drawn.shape[1]] = drawn[:, : self.frames]
        return made

    def decibels(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The spectrogram of all of these samples, ``(bands, their frames)``."""
        window, step = (round(ms * self.rate / 1000) for ms in (self.window, self.step))
        return log_mel(samples, rate=self.rate, window=window, step=step, bands=self.bands, low=self.low)

    def made_up(self) -> list[NDArray[Any]]:
        draw = np.random.default_rng(0)
        return [draw.standard_normal((3, self.bands, self.frames)).astype(np.float32) for _ in range(2)]

    @property
    def fineness(self) -> str:
        return f"a moment every {self.step:g} ms"

    def cheaper(self) -> SoundPreprocess:
        """The same picture with half as many moments."""
        return replace(self, step=2 * self.step)

    def suited(self, *domains: Domain, fixed: bool = False) -> SoundPreprocess:
        """The lowest rate that some recordings have (up to 16 kHz), so that all are heard in the same range of pitch;
        and as many seconds as all but the longest last, up to 10.
        """
        facts = _looked_at(domains)
        rates = [one.rate for one in facts]
        rate = min(self.rate, int(np.quantile(rates, SOME, method="lower"))) if rates else self.rate
        return replace(self if fixed else self.of_length(facts), rate=rate)

    def like(self, told: Mapping[str, Any]) -> SoundPreprocess:
        return replace(self, rate=int(told["rate"]))


@dataclass(frozen=True)
class WavePreprocess(HeardPreprocess):
    """The first ``seconds`` at ``rate`` as ``float32 (2, seconds · rate)``: samples, and 1 where there is one, else 0.

    Where it is ``normalised`` a recording has mean 0 and standard deviation 1. ``longest`` is the most seconds that the
    network reads. The rate is that of the weights, whatever the recordings have.

    >>> WavePreprocess(seconds=1, rate=8000).read((np.ones(4000, np.float32), 8000)).shape
    (2, 8000)
    """

    normalised: bool = True
    longest: int = LONGEST

    def inputs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        made = np.zeros((2, self.seconds * self.rate), np.float32)
        heard = samples[: made.shape[1]]
        if self.normalised:
            heard = (heard - heard.mean()) / np.sqrt(heard.var() + np.float32(1e-7))
        made[0, : len(heard)], made[1, : len(heard)] = heard, 1
        return made

    @property
    def shape(self) -> str:
        return f"{self.seconds * self.rate} samples"

    def check(self) -> None:
        super().check()
        if not self.seconds <= self.longest <= LONGEST or not isinstance(self.normalised, bool):
            raise ValueError(f"{self.seconds} seconds of at most {self.longest!r}")

    def made_up(self) -> list[NDArray[Any]]:
        draw, n = np.random.default_rng(0), self.seconds * self.rate
        return [self.inputs(draw.standard_normal(length).astype(np.float32)) for length in (n, n // 2)]

    def lasting(self, seconds: int) -> WavePreprocess:
        if seconds > self.longest:
            raise InputError(f"seconds={seconds}, and this network reads {self.longest} s at most.")
        return super().lasting(seconds)

    def suited(self, *domains: Domain, fixed: bool = False) -> WavePreprocess:
        """As many seconds as all but the longest last."""
        return self if fixed else self.of_length(_looked_at(domains))


def _looked_at(domains: Iterable[Domain]) -> list[SoundFacts]:
    """Rate and length of recordings, by what their files say; of those that can be read."""
    facts = []
    for domain in domains:
        for i in np.linspace(0, len(domain) - 1, min(LOOKED_AT, len(domain))).astype(int).tolist():
            with suppress(UnreadableSound, OSError):
                facts.append(decode_sound(domain.samples.raw(i), SHORTEST).facts)
    return facts
