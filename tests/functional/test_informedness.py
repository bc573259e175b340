"""Informedness of a class: no gain for naming it more often, the right sign, and few false alarms by chance."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.functional.metrics.informedness import informedness_gain


def test_the_gain_is_that_of_found_less_falsely_named_shares() -> None:
    y = np.repeat([True, False], [4, 6])
    ours = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    theirs = np.array([1, 0, 0, 0, 1, 1, 1, 0, 0, 0], bool)
    gain, p = informedness_gain(y, ours, theirs)
    assert gain == pytest.approx((3 / 4 - 1 / 6) - (1 / 4 - 3 / 6)) and p < 0.05
    assert informedness_gain(y, theirs, ours) == (pytest.approx(-gain), pytest.approx(p))
    tied = informedness_gain(y, ours, theirs, np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2]))
    assert tied[0] == gain and tied[1] != p


def test_it_is_called_found_by_chance_as_often_as_it_says() -> None:
    rng, alarms = np.random.default_rng(0), []
    for _ in range(600):
        y, (ours, theirs) = rng.random(120) < 0.3, rng.random((2, 120)) < 0.4
        alarms.append(informedness_gain(y, ours, theirs)[1] < 0.05)
    assert 0.03 < np.mean(alarms) < 0.08


def test_where_all_are_of_the_class_what_is_found_alone_counts() -> None:
    gain, p = informedness_gain(np.ones(6, bool), np.ones(6, bool), np.zeros(6, bool))
    assert (gain, p) == (1.0, 0.0)
