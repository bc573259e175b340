"""How much one column explains of the label, left one out."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.functional.explained_alone import BINS, binned, explained_alone, straight


def test_it_is_the_sum_that_leaves_each_row_out() -> None:
    rng = np.random.default_rng(0)
    codes, y = rng.integers(0, 4, 40), rng.normal(size=(40, 2))
    y[:, 0] += codes
    y -= y.mean(axis=0)
    missed = 0.0
    for i in range(40):
        others = [j for j in range(40) if j != i and codes[j] == codes[i]]
        missed += float(((y[i] - y[others].sum(axis=0) / (len(others) + 1)) ** 2).sum())
    assert explained_alone(codes, y) == pytest.approx(1 - missed / (y**2).sum())


def test_values_of_their_own_and_labels_without_variance_explain_nothing() -> None:
    assert explained_alone(np.arange(30), np.random.default_rng(0).normal(size=(30, 1))) == 0
    assert explained_alone(np.zeros(30, np.int64), np.ones((30, 1))) == 0


def test_many_numbers_share_bins_and_missing_ones_have_their_own() -> None:
    values = np.random.default_rng(1).normal(size=4_000)
    values[:7] = np.nan
    codes = binned(values)
    assert len(np.unique(codes)) == BINS + 1 and (codes[:7] == BINS).all() and (codes[7:] < BINS).all()
    assert np.bincount(codes)[:BINS].min() >= 10
    order = np.argsort(values[7:])
    assert (np.diff(codes[7:][order]) >= 0).all()


def test_a_missing_cell_can_tell_the_label() -> None:
    y = np.arange(100) % 2
    assert explained_alone(binned(np.where(y == 1, np.nan, 3.0)), y[:, None].astype(float)) > 0.99


def test_a_line_explains_an_amount_in_another_unit() -> None:
    y = np.random.default_rng(2).lognormal(size=(50, 1))
    assert straight(2.54 * y[:, 0] - 7, y) == pytest.approx(1)
    assert straight(np.full(50, 3.0), y) == 0 and straight(np.where(y[:, 0] > 1, np.nan, 1.0), y) == 0
