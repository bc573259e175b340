"""The power law of a learning curve: what it knows of curves that are its own, and of one that is not."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import DataError
from transferium.functional.inference.power_law import fit_power_law

SIZES = np.repeat([10, 20, 40, 80, 160], 4)


def measured(a: float, b: float, c: float, seed: int, spread: float = 0.05) -> np.ndarray:
    errors = a + b * SIZES.astype(float) ** -c
    return errors * (1 + spread * np.random.default_rng(seed).normal(size=len(SIZES)))


def test_what_more_labels_bring_is_inside_its_interval_as_often_as_is_said() -> None:
    rng, inside = np.random.default_rng(0), []
    for draw in range(60):
        a, b, c = rng.uniform(0, 0.15), rng.uniform(0.5, 2), rng.uniform(0.3, 0.9)
        law = fit_power_law(SIZES, measured(a, b, c, draw), seed=draw)
        truth = (a + b * 640.0**-c) * (1 + 0.05 * rng.normal())
        inside.append(law.at(640).low <= truth <= law.at(640).high)
    assert np.mean(inside) >= 0.88, "95 % is said; below 53 of 60 has a chance of 2 % where that is so"


def test_how_many_are_needed_inverts_the_curve() -> None:
    law = fit_power_law(SIZES, measured(0.02, 1.0, 0.5, 0, spread=0.01), seed=0)
    value, low, high = law.needed(0.02 + 320**-0.5)
    assert low < 320 < high and value == pytest.approx(320, rel=0.1)
    assert law.needed(0.0)[0] == np.inf, "no curve ends below its floor"
    assert law.curves(value).mean() == pytest.approx(0.02 + 320**-0.5, rel=0.05)


def test_a_curve_without_errors_or_with_few_sizes() -> None:
    flat = fit_power_law(SIZES, np.zeros(len(SIZES)), seed=0)
    assert flat.at(640).value == pytest.approx(0.0, abs=1e-3) and flat.needed(0.1)[1] < 10
    with pytest.raises(DataError, match="3 sizes or more; there are 2 sizes"):
        fit_power_law(np.array([1, 2]), np.array([0.5, 0.4]), seed=0)


def test_the_doubt_grows_with_the_distance() -> None:
    law = fit_power_law(SIZES, measured(0.05, 1.0, 0.5, 3), seed=0)
    widths = [law.at(n).high - law.at(n).low for n in (160, 640, 5000)]
    ratios = [width / law.at(n).value for width, n in zip(widths, (160, 640, 5000), strict=True)]
    assert ratios[0] < ratios[1] < ratios[2]
    near = law.at(40)
    assert near.high - near.low > 3.5 * law.spread * near.value, "one measurement deviates from a curve that is known"
