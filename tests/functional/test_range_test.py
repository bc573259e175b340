"""What a range test suggests, on curves whose answer is known."""

import numpy as np
import pytest

from transferium.functional.range_test import FEWEST, smoothed, suggested_rate

RATES = np.geomspace(1e-7, 1.0, 101)


def falling_then_bursting(edge, seed=0, noise=0.05, rates=RATES):
    """A loss that starts to fall two decades below ``edge``, and bursts there."""
    fall = 1 / (1 + (rates / (edge / 100)) ** 1.5)
    burst = (rates / edge) ** 3
    return 0.2 + 0.7 * fall + burst + noise * np.random.default_rng(seed).normal(size=len(rates)).clip(-2, 2)


@pytest.mark.parametrize("edge", [1e-4, 1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rates", [RATES, np.geomspace(1e-7, 1.0, FEWEST + 1)], ids=["most steps", "fewest steps"])
def test_it_lies_well_below_where_the_loss_bursts_and_not_where_nothing_happens(edge, seed, rates):
    found = suggested_rate(rates, falling_then_bursting(edge, seed, rates=rates))
    assert edge / 300 < found < edge / 5, (edge, found)


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_can_be_gained_it_is_a_tenth_of_what_does_no_harm(seed):
    noise = np.random.default_rng(seed).normal(size=len(RATES)) * 0.01
    losses = 0.3 + noise + (RATES / 1e-3) ** 2
    assert 3e-6 < suggested_rate(RATES, losses) < 1e-4


def test_smoothing_is_the_mean_of_those_around():
    values = np.random.default_rng(0).normal(size=23)
    slow = [np.mean([values[j] for j in range(23) if abs(i - j) <= 4]) for i in range(23)]
    assert np.allclose(smoothed(values), slow, rtol=1e-12)
    assert np.array_equal(smoothed(values, 0), values)


def test_one_step_is_enough_to_answer():
    assert suggested_rate([1e-3], [0.7]) == pytest.approx(1e-4)
