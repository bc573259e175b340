"""Did transfer help? One paired difference and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.bootstrap import Interval, paired_interval


@dataclass(frozen=True)
class Verdict:
    """``word`` is ``"helped"``, ``"no evidence"``, ``"hurt"`` or ``"not asked"``; ``sentence`` says it in full."""

    word: str
    sentence: str
    difference: Interval | None = None

    @classmethod
    def not_asked(cls, reason: str) -> Verdict:
        """Where there is nothing to compare with.

        >>> Verdict.not_asked("no pretrained backbone was involved").sentence
        'Whether transfer helped was not asked: no pretrained backbone was involved.'
        """
        return cls("not asked", f"Whether transfer helped was not asked: {reason}.")

    def difference_as_dict(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}`` as shares, nulls where nothing was compared."""
        if self.difference is None:
            return {"value": None, "low": None, "high": None}
        return {**self.difference.as_dict()}


def paired_difference(
    y: NDArray[np.int64],
    predicted_a: NDArray[Any],
    predicted_b: NDArray[Any],
    *,
    seed: int,
    resamples: int = 2000,
    groups: NDArray[Any] | None = None,
) -> Interval:
    """Accuracy of ``a`` less accuracy of ``b`` on the same examples, with a 95 % interval from paired resamples.

    See ``paired_interval`` for what happens where the two hardly ever disagree.

    >>> y = np.zeros(50, int)
    >>> paired_difference(y, y, np.arange(50) % 2, seed=0).value
    0.5
    """
    return paired_interval(predicted_a == y, predicted_b == y, seed=seed, resamples=resamples, groups=groups)


def verdict(difference: Interval, ours: str, reference: str) -> Verdict:
    """One sentence from the difference in accuracy, ours less the reference's: the interval decides the word.

    >>> verdict(Interval(0.314, 0.235, 0.392), "the probe", "random weights").sentence
    'Transfer helped: the probe is 31.4 points more accurate than random weights (95% interval 23.5 to 39.2 points).'
    """
    points = abs(difference.value) * 100
    if difference.low > 0:
        word, said = "helped", f"Transfer helped: {ours} is {points:.1f} points more accurate than {reference}"
    elif difference.high < 0:
        word, said = "hurt", f"Transfer hurt: {ours} is {points:.1f} points less accurate than {reference}"
    else:
        word = "no evidence"
        said = (
            "No evidence that transfer helped or hurt: the accuracy of "
            f"{ours} differs by {difference.value * 100:+.1f} points from that of {reference}"
        )
    low, high = (difference.low, difference.high) if word != "hurt" else (-difference.high, -difference.low)
    return Verdict(word, f"{said} (95% interval {low * 100:.1f} to {high * 100:.1f} points).", difference)
