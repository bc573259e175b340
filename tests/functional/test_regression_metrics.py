"""Metrics of predicted numbers are scikit-learn's, on the examples themselves and on any resample of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from transferium.errors import DataError
from transferium.functional.bootstrap import bootstrap, ends
from transferium.functional.metrics.regression_metrics import regression_statistics


def world(n: int = 200, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.normal(size=n) * 3 + offset
    return y, y + rng.normal(size=n)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_equals_scikit_learn_on_resamples(kind: type, offset: float) -> None:
    y, said = world(offset=offset)
    counts = np.vstack([np.ones(200, int), np.random.default_rng(1).integers(0, 4, (3, 200))])
    found = regression_statistics(y, said)(counts.astype(kind))
    assert set(found) == {"mae", "rmse", "r2"}
    for row, count in enumerate(counts):
        seen = np.repeat(np.arange(200), count)
        truth, guess = y[seen], said[seen]
        assert found["mae"][row] == pytest.approx(metrics.mean_absolute_error(truth, guess), rel=1e-6)
        assert found["rmse"][row] == pytest.approx(metrics.root_mean_squared_error(truth, guess), rel=1e-6)
        assert found["r2"][row] == pytest.approx(metrics.r2_score(truth, guess), rel=1e-6)


def test_the_mean_explains_nothing_and_the_truth_everything() -> None:
    y, _ = world()
    ones = np.ones((1, len(y)))
    assert regression_statistics(y, np.full_like(y, y.mean()))(ones)["r2"][0] == pytest.approx(0)
    perfect = regression_statistics(y, y)(ones)
    assert (perfect["r2"][0], perfect["mae"][0], perfect["rmse"][0]) == (1, 0, 0)


def test_where_every_target_is_the_same_nothing_is_to_be_explained() -> None:
    y = np.array([0.1, 0.1, 0.7])
    found = regression_statistics(y, y + 1)(np.array([[1.0, 1, 1], [3.0, 2, 0], [0.0, 0, 3]]))
    assert np.isnan(found["r2"]).tolist() == [False, True, True]
    np.testing.assert_allclose(found["mae"], 1)
    assert np.isnan(regression_statistics(np.full(5, 0.3), np.zeros(5))(np.ones((1, 5)))["r2"][0])


def test_a_bootstrap_holds_the_estimate() -> None:
    y, said = world()
    statistics = regression_statistics(y, said)
    for name, samples in bootstrap(statistics, len(y), seed=0, resamples=500).items():
        low, high = ends(samples, len(y))
        assert low < statistics(np.ones((1, len(y))))[name][0] < high


@pytest.mark.parametrize(
    ("y", "said", "message"),
    [
        (np.zeros(3), np.zeros(2), r"must both be \(examples,\); they are \(3,\) and \(2,\)"),
        (np.zeros((3, 1)), np.zeros((3, 1)), "must both be"),
        (np.zeros(0), np.zeros(0), "must both be"),
        (np.zeros(2), np.array([0.0, np.nan]), "must be finite"),
    ],
)
def test_what_cannot_be_measured_is_named(y: np.ndarray, said: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        regression_statistics(y, said)
