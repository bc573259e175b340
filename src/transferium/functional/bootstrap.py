"""Intervals by resampling: whole examples, or whole groups of them where examples are not independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError

TAIL = 0.025
"""The share that a 95 % interval leaves out at each end."""
NORMAL = 1.959964
"""How many standard errors a 95 % interval of many examples reaches to each side."""
CELLS = 2**19
"""Counts held in memory at once: few enough to stay in a processor's cache."""
Statistics = Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]]
"""Counts ``(some, n)`` of how often each example counts to figures, whose first axis is ``some``."""
NO_INTERVAL = "too few independent examples for an interval"
ALIKE = 6
"""The fewest independent examples whose equal amounts are no chance: ``2 · ½ⁿ < 0.05``."""
SHARE, GAIN, AMOUNT, ANY = (0.0, 1.0), (-1.0, 1.0), (0.0, math.inf), (-math.inf, math.inf)
"""What a figure can be: a share, a difference of shares, an amount that is not negative, any number."""


@dataclass(frozen=True)
class Interval:
    """A point estimate and the ends of its 95 % interval; endless where there is none, as of one example."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        ends = f"{_short(self.low)} to {_short(self.high)}" if self.known else "no interval"
        return f"{_short(self.value)} ({ends})"

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.high - self.low)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``; nulls and a reason in place of ends that there are not.

        >>> Interval(0.5, -math.inf, math.inf).as_dict()["low"] is None
        True
        """
        if not self.known:
            return {"value": self.value, "low": None, "high": None, "reason": NO_INTERVAL}
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


def student_quantile(freedom: int) -> float:
    """The point that Student's t with ``freedom`` degrees of freedom exceeds with probability 0.025.

    Exact for 1 and 2; from 3 on an expansion around the normal distribution (Abramowitz and Stegun, 26.7.5), within
    0.2 % and in no need of SciPy, whose import takes longer than the bootstrap of a small job.

    >>> [round(student_quantile(freedom), 2) for freedom in (1, 2, 4, 10**6)]
    [12.71, 4.3, 2.78, 1.96]
    """
    if freedom == 1:
        return math.tan(math.pi * (0.5 - TAIL))
    if freedom == 2:
        return (1 - 2 * TAIL) / math.sqrt(2 * TAIL * (1 - TAIL))
    z = NORMAL
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (k + 1) for k, term in enumerate(terms))


@lru_cache
def stretch(units: int) -> float:
    """By how much a bootstrapped 95 % interval of ``units`` independent examples is too narrow.

    ``t / z · √(units / (units - 1))``: a bootstrap divides by ``units`` where the variance asks for one less, and takes
    its own width for certain. Infinite for one example, which says nothing of how much examples differ.
    Hesterberg, What teachers should know about the bootstrap, 2015, section 5.3.

    >>> [round(stretch(units), 2) for units in (1, 2, 5, 20, 1000)]
    [inf, 9.17, 1.58, 1.1, 1.0]
    """
    if units < 2:
        return math.inf
    return student_quantile(units - 1) / NORMAL * math.sqrt(units / (units - 1))


def ends(samples: NDArray[Any], units: int) -> tuple[Any, Any]:
    """The ends of a 95 % interval from bootstrap ``samples`` of ``units`` independent examples, along the first axis.

    The 2.5 % and 97.5 % points of the resamples in which the statistic exists (is not NaN), moved away from the median
    by :func:`stretch`. Endless for one example.

    >>> [float(end.round(2)) for end in ends(np.linspace(0, 1, 1001), 5)]
    [-0.25, 1.25]
    """
    quantile, wider = np.nanquantile if np.isnan(samples).any() else np.quantile, stretch(units)
    low, middle, high = quantile(np.asarray(samples, np.float64), [TAIL, 0.5, 1 - TAIL], axis=0)
    if math.isinf(wider):
        return middle - wider, middle + wider
    return middle - wider * (middle - low), middle + wider * (high - middle)


def bounded(value: float, samples: NDArray[Any], units: int, within: tuple[float, float] = ANY) -> Interval:
    """An estimate with the :func:`ends` of its bootstrap ``samples``, as far as these are ``within`` what it can be.

    Where all resamples agree, none shows what was not seen: the ends then leave room for as large a share of other
    examples as may have been missed (``least_share``), at the ends of ``within``; endless where there are none and
    fewer than ``ALIKE`` units, or where the estimate does not exist on some resamples.

    >>> bounded(0.5, np.linspace(0, 1, 1001), 5, SHARE)
    Interval(value=0.5, low=0.0, high=1.0)
    """
    exists = ~np.isnan(samples)
    alike = np.ptp(samples[exists]) == 0 if exists.any() else True
    room = 1 - least_share(units)
    if alike and exists.all() and math.isfinite(within[1] - within[0]):
        return Interval(value, value - room * (value - within[0]), value + room * (within[1] - value))
    if units < 2 or (alike and (not exists.all() or (value != 0 and units < ALIKE))):
        return Interval(value, -math.inf, math.inf)
    low, high = (float(end) for end in ends(samples, units))
    return Interval(value, max(low, within[0]), min(high, within[1]))


def units_of(n: int, groups: NDArray[Any] | None, inside: NDArray[np.bool_] | None = None) -> int:
    """How many of ``n`` examples are independent: those of one group are one; of those ``inside`` alone where given.

    >>> units_of(3, np.array([4, 4, 7])), units_of(3, None, np.array([True, False, False]))
    (2, 1)
    """
    if groups is None:
        return n if inside is None else int(inside.sum())
    return len(np.unique(groups if inside is None else groups[inside]))


def least_mean(supports: Sequence[int]) -> float:
    """The exact lower 95 % limit of the mean of shares of which all are 1, of so many examples ``n_k`` each.

    The least mean of ``q_k`` under which all these successes have a chance of 0.025, ``Π q_k^n_k``: there ``q_k`` is
    the smaller one of 1 and ``λ n_k``, and ``λ`` is found by bisection.

    >>> round(least_mean([50]), 3), round(least_mean([50, 5]), 3), round(least_mean([1] * 10), 3)
    (0.929, 0.739, 0.692)
    """
    if not supports or min(supports) < 1:
        return 0.0
    n = np.array(supports, np.float64)
    low, high = 0.0, 1 / n.min()
    for _ in range(60):
        middle = (low + high) / 2
        likely = float((n * np.log(np.minimum(1.0, middle * n))).sum()) > math.log(TAIL)
        low, high = (low, middle) if likely else (middle, high)
    return float(np.minimum(1.0, high * n).mean())


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
    """Accuracy of a less accuracy of b on the same examples, with the bootstrap of the pairs (:func:`ends`).

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

    units, won, lost = units_won(gain, groups)
    found = bootstrap(mean, n, seed=seed, resamples=resamples, groups=groups)["gain"]
    low, high = (float(np.clip(end, *GAIN)) for end in ends(found, units))
    unseen = 1 - least_share(units)
    if won == 0 and lost == 0:
        low, high = -unseen, unseen
    elif lost == 0:
        low = min(low, (2 * least_share(won) - 1) * won / units)
    elif won == 0:
        high = max(high, (1 - 2 * least_share(lost)) * lost / units)
    return Interval(float(gain.mean()), low, high)


def mean_interval(
    values: NDArray[Any],
    *,
    seed: int,
    resamples: int = 1000,
    groups: NDArray[Any] | None = None,
    within: tuple[float, float] = ANY,
) -> Interval:
    """The mean of ``values (n,)`` with the :func:`ends` of its bootstrap, ``within`` what it can be.

    >>> mean_interval(np.ones(9), seed=0)
    Interval(value=1.0, low=1.0, high=1.0)
    """

    def mean(counts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"mean": counts @ values / counts.sum(axis=1)}

    samples = bootstrap(mean, len(values), seed=seed, resamples=resamples, groups=groups)["mean"]
    return bounded(float(np.mean(values)), samples, units_of(len(values), groups), within)


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
    within: tuple[float, float] = GAIN,
) -> Interval:
    """How much better ``figure`` is by ``ours`` than by ``theirs``, each of ``n`` examples drawn with both.

    A figure that does not exist counts as nought.
    """
    sign = -1.0 if lower_is_better else 1.0

    def gain(counts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"gain": sign * (np.nan_to_num(ours(counts)[figure]) - np.nan_to_num(theirs(counts)[figure]))}

    value = float(gain(np.ones((1, n)))["gain"][0])
    samples = bootstrap(gain, n, seed=seed, resamples=resamples, groups=groups)["gain"]
    return bounded(value, samples, units_of(n, groups), within)


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
    """The mean of ``right (draws, n)``, with an interval of both the draws and the examples.

    It holds what another draw of training examples and another test part would change; of one draw, the latter alone.
    How far its ends lie is the root of the squares of both (as in :func:`difference_of`), each stretched by its number.

    >>> interval_over_draws(np.ones((3, 50)), seed=0).value
    1.0
    """
    answers = np.asarray(right, np.float64)
    value = float(answers.mean())
    of_examples = mean_interval(answers.mean(axis=0), seed=seed + 1, resamples=resamples, within=SHARE)
    if answers.all() or not answers.any():
        least = least_share(answers.shape[1])
        return Interval(value, least, 1.0) if answers.all() else Interval(value, 0.0, 1.0 - least)
    if np.ptp(answers.mean(axis=1)) == 0:  # one draw, or a method that learns nothing from them
        return of_examples
    of_draws = mean_interval(answers.mean(axis=1), seed=seed, resamples=resamples, within=SHARE)
    low = value - float(np.hypot(value - of_examples.low, value - of_draws.low))
    high = value + float(np.hypot(of_examples.high - value, of_draws.high - value))
    return Interval(value, max(low, 0.0), min(high, 1.0))


def units_won(gain: NDArray[np.float64], groups: NDArray[Any] | None) -> tuple[int, int, int]:
    """How many independent units ``gain (n,)`` has (examples, or whole groups), and how many of them each side wins.

    >>> units_won(np.array([1.0, 1.0, -1.0]), np.array([0, 0, 1]))
    (2, 1, 1)
    """
    if groups is not None:
        _, member = np.unique(groups, return_inverse=True)
        gain = np.bincount(member, weights=gain).astype(np.float64)
    return len(gain), int((gain > 0).sum()), int((gain < 0).sum())
