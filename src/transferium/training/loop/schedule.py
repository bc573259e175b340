"""Learning-rate schedules: pure functions of how far the stage has come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from transferium.errors import InputError, did_you_mean

RATIO = 32
"""How much smaller than the peak the lowest rate of a slanted triangle is (Howard & Ruder 2018)."""
START, END = 25.0, 1e4
"""One cycle starts at the peak over ``START`` and ends at that over ``END``, as PyTorch's and fastai's do."""


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up over the first ``warmup`` of the steps, then a curve from 1 to 0 (or to ``floor``).

    ``cosine``, ``linear`` and ``constant`` say what they are. ``step`` multiplies by ``gamma`` ``drops`` times, evenly
    spread. ``exponential`` falls by the same factor each step, to ``gamma`` at the end. ``plateau`` is constant here; a
    :class:`Plateau` around the records lowers it.

    Two curves rise in their own way over ``warmup``: ``slanted``, a triangle from 1/32 to 1 and back (Howard & Ruder,
    "Universal language model fine-tuning for text classification", 2018; they rise over 0.1), and ``one-cycle``, half
    a cosine from 1/25 to 1 and another to almost 0 (Smith, "A disciplined approach to neural network hyper-parameters",
    2018; usually over 0.3). Momentum is left as it is, and not lowered while the rate is high.

    From the share ``hold`` of the steps on, but not before the warm-up has ended at its peak, the rate stays as it is
    there.

    >>> [round(Schedule("linear", warmup=0.5).factor(step, 4), 2) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    >>> [Schedule("step", gamma=0.5, drops=1).factor(step, 4) for step in range(4)]
    [1.0, 1.0, 0.5, 0.5]
    """

    name: str = "cosine"
    warmup: float = 0.0
    floor: float = 0.0
    hold: float = 1.0
    gamma: float = 0.1
    drops: int = 3

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise InputError(f"there is no schedule {self.name!r}. {did_you_mean(self.name, SCHEDULES)}")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is the share of all steps that warm up, from 0 to below 1; it was {self.warmup}.")
        if not self.gamma > 0:
            raise InputError(f"gamma is what the rate is multiplied by; it must be above 0, and was {self.gamma}.")
        if self.drops < 1:
            raise InputError(f"drops is how often the rate falls; it must be at least 1, and was {self.drops}.")

    def factor(self, step: int, total: int) -> float:
        """The factor of every group's rate at ``step`` of ``total``."""
        warm = round(self.warmup * total)
        peak = max(warm - 1, 0) if self.name == "one-cycle" else warm
        step = min(step, max(round(self.hold * total), peak))
        if self.name in _OWN_RISE:
            return _OWN_RISE[self.name](step, warm, total)
        if step < warm:
            return (step + 1) / warm
        return self.floor + (1 - self.floor) * self.curve(step, warm, total)

    def curve(self, step: int, warm: int, total: int) -> float:
        """The curve from 1 on, at ``step`` of ``total``, after ``warm`` steps of warm-up."""
        return SCHEDULES[self.name](self, step - warm, max(1, total - warm))


def _triangle(step: int, warm: int, total: int) -> float:
    height = step / warm if step < warm else 1 - (step - warm) / max(1, total - warm)
    return (1 + height * (RATIO - 1)) / RATIO


def _cycle(step: int, warm: int, total: int) -> float:
    top, last = max(warm - 1, 0), max(total - 1, 1)
    if step <= top and warm:
        return _half_cosine(1 / START, 1.0, step / max(top, 1))
    return _half_cosine(1.0, 1 / START / END, (step - top) / max(last - top, 1))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


_OWN_RISE: dict[str, Callable[[int, int, int], float]] = {"slanted": _triangle, "one-cycle": _cycle}

SCHEDULES: dict[str, Callable[[Schedule, int, int], float]] = {
    "cosine": lambda _, step, total: 0.5 * (1 + math.cos(math.pi * step / total)),
    "linear": lambda _, step, total: 1.0 - step / total,
    "constant": lambda *_: 1.0,
    "step": lambda s, step, total: s.gamma ** (step * (s.drops + 1) // total),
    "exponential": lambda s, step, total: s.gamma ** (step / total),
    "plateau": lambda *_: 1.0,
    "slanted": lambda _, step, total: _triangle(step, 0, total),
    "one-cycle": lambda _, step, total: _cycle(step, 0, total),
}
"""What the rate is multiplied by after the warm-up, ``step`` of the ``total`` that are left."""
