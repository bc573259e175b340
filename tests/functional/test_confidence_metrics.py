"""Metrics of confidence against plain loops, on the sample and on a resample."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from transferium.functional.bootstrap import Interval, difference_of, mean_interval, resample_counts
from transferium.functional.inference.holm import holm
from transferium.functional.linear_classifier import softmax
from transferium.functional.metrics.confidence_metrics import confidence_statistics, risk_coverage


def world(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, n)
    return y, softmax(rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[y])


def test_each_equals_its_definition_on_a_resample_too() -> None:
    y, p = world()
    compute = confidence_statistics(y, p)
    (counts,) = resample_counts(len(y), seed=3, resamples=1)
    found = {name: float(value[0]) for name, value in compute(counts).items()}
    again = np.repeat(np.arange(len(y)), counts[0].astype(int))
    assert found["brier"] == pytest.approx(np.square(p[again] - np.eye(3)[y[again]]).sum(axis=1).mean())
    sure, wrong = p[again].max(axis=1), p[again].argmax(axis=1) != y[again]
    risk = [wrong[sure >= s].mean() for s in sure]
    assert found["area_under_risk_coverage"] == pytest.approx(np.mean(risk))
    ones = {name: float(value[0]) for name, value in compute(np.ones((1, len(y)))).items()}
    bins = np.array_split(np.argsort(-p.max(axis=1)), 15)
    gaps = [abs((p[b].max(axis=1) - (p[b].argmax(axis=1) == y[b])).mean()) for b in bins]
    assert ones["adaptive_calibration_error"] == pytest.approx(np.mean(gaps))


def test_the_brier_score_of_two_classes_is_twice_scikit_learns() -> None:
    y, p = world()
    two = p[y < 2][:, :2] / p[y < 2][:, :2].sum(axis=1, keepdims=True)
    found = confidence_statistics(y[y < 2], two)(np.ones((1, len(two))))["brier"][0]
    assert found == pytest.approx(2 * brier_score_loss(y[y < 2], two[:, 1]))


def test_the_curve_ends_at_the_accuracy_and_the_surest_come_first() -> None:
    y, p = world()
    rows = risk_coverage(y, p)
    assert [row["coverage"] for row in rows] == pytest.approx(np.arange(1, 11) / 10)
    assert rows[-1]["accuracy"] == pytest.approx(np.mean(p.argmax(axis=1) == y))
    assert all(a["confidence"] >= b["confidence"] for a, b in pairwise(rows))


def test_holm_equals_the_definition_and_is_never_above_one() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(9) ** 2
    order = np.argsort(p)
    expected = [max(min(1, (9 - j) * p[order[j]]) for j in range(i + 1)) for i in range(9)]
    np.testing.assert_allclose(np.array(holm(p))[order], expected)
    assert holm([]) == []


def test_intervals_of_differences_and_means() -> None:
    gap = difference_of(Interval(0.8, 0.7, 0.9), Interval(0.8, 0.7, 0.9))
    assert (gap.low, gap.value, gap.high) == pytest.approx((-(0.02**0.5), 0, 0.02**0.5))
    found = mean_interval(np.arange(100.0), seed=0)
    assert found.value == pytest.approx(49.5) and found.high - found.low == pytest.approx(2 * 1.96 * 2.886, rel=0.1)
