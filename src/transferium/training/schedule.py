"""Learning-rate schedules: pure functions of how far the stage has come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from transferium.errors import InputError, did_you_mean

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * t)),
    "linear": lambda t: 1.0 - t,
}


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up over the first ``warmup`` of the steps, then a curve from 1 to 0 (or to ``floor``).

    From the share ``hold`` of the steps on, the rate stays as it is there.

    >>> [round(Schedule("linear", warmup=0.5).factor(step, 4), 2) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """

    name: str = "cosine"
    warmup: float = 0.0
    floor: float = 0.0
    hold: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise InputError(f"there is no schedule {self.name!r}. {did_you_mean(self.name, SCHEDULES)}")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is the share of all steps that warm up, from 0 to below 1; it was {self.warmup}.")

    def factor(self, step: int, total: int) -> float:
        """What every group's rate is multiplied by at ``step`` of ``total``."""
        warm, step = round(self.warmup * total), min(step, round(self.hold * total))
        if step < warm:
            return (step + 1) / warm
        curve = SCHEDULES[self.name]((step - warm) / max(1, total - warm))
        return self.floor + (1 - self.floor) * curve
