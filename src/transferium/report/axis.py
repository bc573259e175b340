"""A numeric axis with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """The ends of an axis and where its ticks stand."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where ``value`` lies between the ends, in [0, 1]; what lies outside is put at the nearer end.

        >>> Axis(0.0, 2.0, (0.0, 1.0, 2.0)).share(0.5)
        0.25
        """
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def round_axis(values: Iterable[float], *, least: float = -math.inf, most: float = math.inf, ticks: int = 4) -> Axis:
    """The shortest axis with round ends that holds all ``values`` and keeps within ``least`` and ``most``.

    >>> round_axis([0.83, 0.98], most=1.0).ticks
    (0.8, 0.85, 0.9, 0.95, 1.0)
    """
    held = list(values)
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        margin = 0.05 * abs(high) or 0.5
        low, high = max(least, low - margin), min(most, high + margin)
    step = _round_step((high - low) / ticks)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    low, high = max(least, first * step), min(most, last * step)
    places = max(0, 2 - math.floor(math.log10(step)))
    inner = [round(i * step, places) for i in range(first, last + 1)]
    return Axis(low, high, tuple(t for t in inner if low - 1e-9 <= t <= high + 1e-9))


def _round_step(rough: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is not below ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s * power for s in _STEPS if s * power >= rough * (1 - 1e-9))
