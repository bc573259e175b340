"""A learning curve as a power law, with its doubt: what more labels would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.bootstrap import Interval

Array = NDArray[np.float64]
EXPONENTS = np.linspace(0.05, 1.5, 40)
FLOORS = np.linspace(0.0, 0.99, 40)
"""Where the curve may end, as shares of the smallest mean error that was measured."""
DRAWS = 4000
LEAST = 1e-3
"""The least standard deviation of one measured error."""


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """Equally likely curves ``error(n) = a + b (n / middle)^-c``: ``a``, ``b`` and ``c`` are ``(draws,)``.

    ``spread`` is how far one measured error lies from the curve, as a share of it (a standard deviation), and
    ``noise (draws,)`` are such deviations.
    """

    a: Array
    b: Array
    c: Array
    middle: float
    spread: float
    noise: Array

    def curves(self, n: float) -> Array:
        """The error of each curve at ``n`` examples ``(draws,)``."""
        curve: Array = self.a + self.b * (n / self.middle) ** -self.c
        return curve

    def at(self, n: float) -> Interval:
        """The error that would be measured with ``n`` examples: the median, and a 95 % prediction interval."""
        curve = self.curves(n)
        measured = curve + self.noise * np.maximum(LEAST, self.spread * curve)
        low, high = np.quantile(measured, [0.025, 0.975])
        middle = float(np.median(curve))
        return Interval(middle, min(middle, max(0.0, float(low))), max(middle, float(high)))

    def needed(self, error: float) -> tuple[float, float, float]:
        """How many examples bring the curve down to ``error``: median and 95 % interval; infinity where none do."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            n = self.middle * ((error - self.a) / self.b) ** (-1 / self.c)
        n[error <= self.a] = np.inf
        n[(self.b <= 0) & (error > self.a)] = 0.0
        low, value, high = (float(q) for q in np.quantile(n, [0.025, 0.5, 0.975], method="inverted_cdf"))
        return value, low, high


def fit_power_law(sizes: NDArray[Any], errors: NDArray[Any], *, seed: int) -> PowerLaw:
    """What ``errors (m,)`` measured with ``sizes (m,)`` examples say of the curve, by Bayes' rule on a grid.

    All exponents from 0.05 to 1.5 and all floors below the smallest error are alike before; ``b`` is solved for. One
    measurement deviates by a share of the error that is estimated from repeated draws of one size. Where the means do
    not follow any curve, all doubts grow by as much as they miss it. Needs 3 sizes or more, else ``DataError``.
    Cortes et al., Learning curves: asymptotic values and rate of convergence, 1994.

    >>> n = np.repeat([10, 20, 40, 80], 3)
    >>> law = fit_power_law(n, 0.1 + 2 / n + np.tile([-0.004, 0, 0.004], 4), seed=0)
    >>> law.at(160).low < 0.1125 < law.at(160).high
    True
    """
    n, which = np.unique(np.asarray(sizes, np.float64), return_inverse=True)
    errors = np.asarray(errors, np.float64)
    if len(n) < 3 or not np.isfinite(errors).all():
        raise DataError(f"a curve needs finite errors at 3 sizes or more; there are {len(n)} sizes")
    count = np.bincount(which)
    means = np.bincount(which, weights=errors) / count
    usual = np.maximum(means, LEAST)
    freedom = max(1, int((count - 1).sum()))
    spread = float(np.sqrt((((errors - means[which]) / usual[which]) ** 2).sum() / freedom))
    weight = count / np.maximum(LEAST, spread * usual) ** 2
    middle = float(np.exp(np.log(n).mean()))
    a, c = (grid.ravel() for grid in np.meshgrid(FLOORS * means.min(), EXPONENTS))
    x, y = (n / middle) ** -c[:, None], means - a[:, None]
    information = (weight * x * x).sum(axis=1)
    b = np.maximum(0.0, (weight * x * y).sum(axis=1) / information)
    misfit = (weight * (y - b[:, None] * x) ** 2).sum(axis=1)
    grown = max(1.0, float(misfit.min()) / max(1, len(n) - 3))
    likely = -0.5 * misfit / grown - 0.5 * np.log(information)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(a), DRAWS, p=_shares(likely))
    drawn = b[chosen] + rng.standard_normal(DRAWS) * np.sqrt(grown / information[chosen])
    return PowerLaw(a[chosen], np.maximum(0.0, drawn), c[chosen], middle, spread, rng.standard_normal(DRAWS))


def _shares(logs: Array) -> Array:
    shares = np.exp(logs - logs.max())
    normed: Array = shares / shares.sum()
    return normed
