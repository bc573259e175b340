"""Resampling: what is drawn, and how often its intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import DataError, InputError
from transferium.functional.bootstrap import (
    ANY,
    GAIN,
    SHARE,
    Interval,
    bounded,
    ends,
    least_share,
    mean_interval,
    paired_interval,
    resample_counts,
)


def drawn(n: int, resamples: int, **options: object) -> np.ndarray:
    return np.concatenate(list(resample_counts(n, seed=0, resamples=resamples, **options)))


def test_every_resample_holds_n_examples_drawn_with_replacement() -> None:
    counts = drawn(200, 500)
    assert counts.shape == (500, 200)
    assert (counts.sum(axis=1) == 200).all()
    assert counts.mean() == 1
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.01)
    assert counts.var() == pytest.approx(1, abs=0.05)


def test_blocks_do_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(50, 20)
    monkeypatch.setattr("transferium.functional.bootstrap.CELLS", 150)
    np.testing.assert_array_equal(drawn(50, 20), whole)


def test_groups_are_drawn_whole() -> None:
    groups = np.array([7, 7, 7, 2, 2, 5])
    counts = drawn(6, 300, groups=groups)
    assert (counts[:, :3] == counts[:, :1]).all()
    assert (counts[:, 3] == counts[:, 4]).all()
    assert (counts[:, 0] + counts[:, 3] + counts[:, 5] == 3).all()


def test_groups_widen_the_interval_of_dependent_examples() -> None:
    right = np.repeat(np.arange(40) % 4 > 0, 10)
    base = np.zeros(400, bool)
    alone = paired_interval(right, base, seed=0)
    tied = paired_interval(right, base, seed=0, groups=np.repeat(np.arange(40), 10))
    assert tied.high - tied.low > 2 * (alone.high - alone.low)


def test_the_ends_leave_out_what_does_not_exist() -> None:
    samples = np.concatenate([np.linspace(0, 1, 1001), [np.nan]])
    assert [float(e) for e in ends(samples, 10**6)] == pytest.approx([0.025, 0.975], abs=1e-5)


@pytest.mark.parametrize("units", [2, 5, 20])
def test_few_amounts_that_are_alike_seldom_differ(units: int) -> None:
    """Percentiles alone find a difference in 50, 14 and 5 % of such samples."""
    found = [
        mean_interval(np.random.default_rng(run).normal(size=units), seed=run, resamples=300) for run in range(300)
    ]
    assert sum(one.low > 0 or one.high < 0 for one in found) / 300 < 0.09


def test_one_example_has_no_interval() -> None:
    alone = mean_interval(np.array([3.0, 3.5]), seed=0, groups=np.array([1, 1]))
    assert not alone.known and str(alone) == "3.250 (no interval)" and alone.low < 0 < alone.high
    assert alone.as_dict()["low"] is None and Interval(1, 0, 2).known


@pytest.mark.parametrize("n", [1, 10, 200])
def test_the_exact_limit_is_where_a_clean_sheet_has_a_chance_of_a_fortieth(n: int) -> None:
    assert least_share(n) ** n == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("won", "lost", "word"),
    [(0, 0, "open"), (4, 0, "open"), (6, 0, "above"), (0, 4, "open"), (0, 6, "below"), (30, 10, "above")],
)
def test_few_disagreements_prove_nothing(won: int, lost: int, word: str) -> None:
    """Four disagreements all won have an exact sign test of p = 0.125; six, of p = 0.031."""
    a, b = np.ones(100, bool), np.ones(100, bool)
    b[:won] = False
    a[won : won + lost] = False
    found = paired_interval(a, b, seed=0)
    assert found.value == pytest.approx((won - lost) / 100)
    assert {"open": found.low <= 0 <= found.high, "above": found.low > 0, "below": found.high < 0}[word]


def test_one_example_proves_nothing() -> None:
    found = paired_interval(np.array([True]), np.array([False]), seed=0)
    assert found.value == 1
    assert found.low < 0


def test_the_paired_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        a, b = rng.random(150) < 0.9, rng.random(150) < 0.8
        found = paired_interval(a, b, seed=trial, resamples=400)
        hits += found.low <= 0.1 <= found.high
    # 95 % of 200 with a standard error of 1.5 %; the percentile bootstrap is a little short of its word.
    assert 0.90 <= hits / 200 <= 0.99


def test_paired_answers_must_match() -> None:
    with pytest.raises(DataError, match="paired answers must be equally many; there are 2 and 3"):
        paired_interval(np.ones(2, bool), np.ones(3, bool), seed=0)


def test_nothing_cannot_be_resampled() -> None:
    with pytest.raises(InputError, match="a bootstrap needs examples and resamples; there are 0 and 10"):
        drawn(0, 10)
    with pytest.raises(DataError, match="3 examples and 2 groups do not match"):
        drawn(3, 10, groups=np.array([1, 2]))


def test_resamples_that_agree_leave_room_for_what_was_not_seen() -> None:
    half, alike = np.full(9, 0.5), np.full(9, 1.0)
    assert bounded(0.5, half, 2, SHARE).low < 0.2 and bounded(0.5, half, 2, SHARE).high > 0.8
    assert bounded(1.0, alike, 4, GAIN).low < 0 < bounded(1.0, alike, 50, GAIN).low
    assert not bounded(3.0, 3 * alike, 5, ANY).known and bounded(3.0, 3 * alike, 6, ANY).known
    assert bounded(0.0, np.zeros(9), 3, ANY).known, "two models that are the same"
