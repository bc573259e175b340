"""Intervals by resampling: whole examples, or whole groups of them where examples are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError

TAIL = 0.025
"""The share that a 95 % interval leaves out at each end."""
CELLS = 2**19
"""Counts held in memory at once: few enough to stay in a processor's cache."""
Statistics = Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]]
"""Counts ``(some, n)`` of how often each example counts to figures, whose first axis is ``some``."""


@dataclass(frozen=True)
class Interval:
    """A point estimate and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_short(self.value)} ({_short(self.low)} to {_short(self.high)})"

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def _short(number: float) -> str:
    """Three digits behind the point, fewer for large amounts."""
    return f"{number:.3f}" if abs(number) < 10 else f"{number:,.1f}"


def resample_counts(
    n: int, *, seed: int, resamples: int, groups: NDArray[Any] | None = None
) -> Iterator[NDArray[np.float32]]:
    """Blocks ``(some, n)``, ``resamples`` rows in all: how often each example is in each bootstrap sample.

    With ``groups (n,)`` whole groups are drawn, as many as there are; sample sizes then vary.

    >>> [block.sum(axis=1).tolist() for block in resample_counts(5, seed=0, resamples=2)]
    [[5.0, 5.0]]
    """
    if n < 1 or resamples < 1:
        raise InputError(f"a bootstrap needs examples and resamples; there are {n} and {resamples}.")
    member, units = np.arange(n), n
    if groups is not None:
        if len(groups) != n:
            raise DataError(f"{n} examples and {len(groups)} groups do not match.")
        names, member = np.unique(np.asarray(groups), return_inverse=True)
        units = len(names)
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // max(n, units))
    for start in range(0, resamples, block):
        some = min(block, resamples - start)
        drawn = rng.integers(0, units, (some, units)) + np.arange(some)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=some * units).reshape(some, units).astype(np.float32)
        yield counts if groups is None else counts[:, member]


def bootstrap(
    statistics: Statistics,
    n: int,
    *,
    seed: int,
    resamples: int,
    groups: NDArray[Any] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Every statistic on every resample; counts of one give the estimates."""
    blocks = [statistics(c) for c in resample_counts(n, seed=seed, resamples=resamples, groups=groups)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def percentiles(samples: NDArray[Any]) -> tuple[Any, Any]:
    """The 2.5 % and 97.5 % points along the first axis, of the resamples in which the statistic exists (is not NaN)."""
    quantile = np.nanquantile if np.isnan(samples).any() else np.quantile
    low, high = quantile(np.asarray(samples, np.float64), [TAIL, 1 - TAIL], axis=0)
    return low, high


def least_share(successes: int) -> float:
    """The exact (Clopper-Pearson) lower 95 % limit of a share when all ``successes`` of as many trials succeeded.

    >>> round(least_share(50), 3)
    0.929
    """
    return float(TAIL ** (1 / successes)) if successes > 0 else 0.0


def paired_interval(
    right_a: NDArray[np.bool_],
    right_b: NDArray[np.bool_],
    *,
    seed: int,
    resamples: int = 2000,
    groups: NDArray[Any] | None = None,
) -> Interval:
    """Accuracy of a less accuracy of b on the same examples, with the percentile bootstrap of the pairs.

    Where one of the two is never alone in being right, a bootstrap sees too little: resamples cannot contain what the
    sample does not. The interval then also covers the exact limit of the share of disagreements that a wins, and, where
    the two never disagree, the share of disagreements that may have gone unseen.

    >>> right = np.arange(100) < 90
    >>> paired_interval(right, np.arange(100) < 60, seed=0).value
    0.3
    """
    if len(right_a) != len(right_b) or not len(right_a):
        raise DataError(f"paired answers must be equally many; there are {len(right_a)} and {len(right_b)}.")
    gain = right_a.astype(np.float64) - right_b
    n = len(gain)

    def mean(counts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"gain": counts @ gain / counts.sum(axis=1)}

    ends = percentiles(bootstrap(mean, n, seed=seed, resamples=resamples, groups=groups)["gain"])
    low, high = float(ends[0]), float(ends[1])
    units, won, lost = units_won(gain, groups)
    unseen = 1 - least_share(units)
    if won == 0 and lost == 0:
        low, high = -unseen, unseen
    elif lost == 0:
        low = min(low, (2 * least_share(won) - 1) * won / units)
    elif won == 0:
        high = max(high, (1 - 2 * least_share(lost)) * lost / units)
    return Interval(float(gain.mean()), low, high)


def mean_interval(
    values: NDArray[Any], *, seed: int, resamples: int = 1000, groups: NDArray[Any] | None = None
) -> Interval:
    """The mean of ``values (n,)`` with the percentiles of its bootstrap.

    >>> mean_interval(np.ones(9), seed=0)
    Interval(value=1.0, low=1.0, high=1.0)
    """

    def mean(counts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"mean": counts @ values / counts.sum(axis=1)}

    low, high = percentiles(bootstrap(mean, len(values), seed=seed, resamples=resamples, groups=groups)["mean"])
    return Interval(float(np.mean(values)), float(low), float(high))


def gain_interval(
    ours: Statistics,
    theirs: Statistics,
    figure: str,
    n: int,
    *,
    seed: int,
    resamples: int = 1000,
    groups: NDArray[Any] | None = None,
    lower_is_better: bool = False,
) -> Interval:
    """How much better ``figure`` is by ``ours`` than by ``theirs``, each of ``n`` examples drawn with both.

    A figure that does not exist counts as nought.
    """
    sign = -1.0 if lower_is_better else 1.0

    def gain(counts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"gain": sign * (np.nan_to_num(ours(counts)[figure]) - np.nan_to_num(theirs(counts)[figure]))}

    value = float(gain(np.ones((1, n)))["gain"][0])
    low, high = percentiles(bootstrap(gain, n, seed=seed, resamples=resamples, groups=groups)["gain"])
    return Interval(value, float(low), float(high))


def difference_of(a: Interval, b: Interval) -> Interval:
    """``a - b`` of two independent samples; how far its ends lie is the root of the squares of theirs.

    ``low = a - b - √((a - a.low)² + (b.high - b)²)``, and ``high`` likewise.
    Zou and Donner, Construction of confidence limits about effect measures: a general approach, 2008.

    >>> difference_of(Interval(0.9, 0.87, 0.95), Interval(0.8, 0.68, 0.84))
    Interval(value=0.1, low=0.05, high=0.23)
    """
    gap = a.value - b.value
    low = gap - float(np.hypot(a.value - a.low, b.high - b.value))
    high = gap + float(np.hypot(a.high - a.value, b.value - b.low))
    return Interval(*(round(end, 15) for end in (gap, low, high)))


def interval_over_draws(right: NDArray[Any], *, seed: int, resamples: int = 2000) -> Interval:
    """The mean of ``right (draws, n)``, with an interval that resamples both the draws and the examples.

    It holds what another draw of training examples and another test part would change; of one draw, the latter alone.

    >>> interval_over_draws(np.ones((3, 50)), seed=0).value
    1.0
    """
    answers = np.asarray(right, np.float64)
    draws, n = answers.shape
    of_draws = np.concatenate(list(resample_counts(draws, seed=seed, resamples=resamples)))
    of_examples = resample_counts(n, seed=seed + 1, resamples=resamples)
    means, at = [], 0
    for counts in of_examples:
        means.append(((of_draws[at : at + len(counts)] @ answers) * counts).sum(axis=1) / (draws * n))
        at += len(counts)
    low, high = percentiles(np.concatenate(means))
    if answers.all() or not answers.any():
        least = least_share(n)
        low, high = (least, 1.0) if answers.all() else (0.0, 1.0 - least)
    return Interval(float(answers.mean()), float(low), float(high))


def units_won(gain: NDArray[np.float64], groups: NDArray[Any] | None) -> tuple[int, int, int]:
    """How many independent units ``gain (n,)`` has (examples, or whole groups), and how many of them each side wins.

    >>> units_won(np.array([1.0, 1.0, -1.0]), np.array([0, 0, 1]))
    (2, 1, 1)
    """
    if groups is not None:
        _, member = np.unique(groups, return_inverse=True)
        gain = np.bincount(member, weights=gain).astype(np.float64)
    return len(gain), int((gain > 0).sum()), int((gain < 0).sum())
