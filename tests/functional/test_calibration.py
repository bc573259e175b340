"""Temperature and calibration error against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import DataError
from transferium.functional.bootstrap import bootstrap
from transferium.functional.calibration import (
    COLDEST,
    HOTTEST,
    calibration_error,
    error_by_chance,
    error_interval,
    fit_temperature,
    fit_temperature_to,
    reliability,
)
from transferium.functional.linear_classifier import log_softmax, softmax
from transferium.functional.metrics.class_metrics import probability_statistics


def overconfident(factor: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are ``factor`` times what the labels were drawn from."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(n, 4))
    y = np.array([rng.choice(4, p=p) for p in softmax(logits)])
    return factor * logits, y


@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_the_temperature_undoes_a_known_factor(factor: float) -> None:
    assert fit_temperature(*overconfident(factor)) == pytest.approx(factor, rel=0.06)


def test_no_temperature_nearby_is_better() -> None:
    logits, y = overconfident(3.0)
    best = fit_temperature(logits, y)

    def loss(temperature: float) -> float:
        return float(-log_softmax(logits / temperature)[np.arange(len(y)), y].mean())

    assert loss(best) < min(loss(best * 1.01), loss(best / 1.01))


def test_the_temperature_does_not_change_when_logits_shift_by_row() -> None:
    logits, y = overconfident(2.0)
    shifted = logits + np.random.default_rng(1).normal(size=(len(y), 1)) * 100
    assert fit_temperature(shifted, y) == pytest.approx(fit_temperature(logits, y), rel=1e-6)


def test_the_temperature_is_bounded_and_defined_everywhere() -> None:
    sure = np.array([[9.0, 0.0], [0.0, 9.0]])
    assert fit_temperature(sure / 1000, np.array([0, 1])) == COLDEST
    assert fit_temperature(sure, np.array([1, 0])) == HOTTEST
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0])) == 1.0


def test_one_example_of_no_class_is_added_to_what_is_right_throughout() -> None:
    """Of n + 1 examples of two classes, n + 1/2 are right: their logit is log(2n + 1)."""
    n, gap = 20, 9.0
    logits = np.tile([[gap, 0.0], [0.0, gap]], (n // 2, 1))
    assert gap / fit_temperature(logits, np.tile([0, 1], n // 2)) == pytest.approx(np.log(2 * n + 1))


@pytest.mark.parametrize(("classes", "scale"), [(2, 4.0), (2, 8.0), (4, 4.0)])
def test_few_examples_that_are_nearly_separated_do_not_make_it_sure(classes: int, scale: float) -> None:
    """In a world where T = 1 is true, T from 20 examples is nearly as good on others, in every draw."""
    costs = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        logits = scale * rng.normal(size=(1020, classes))
        y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        temperature = fit_temperature(logits[:20], y[:20])
        true, fitted = (-log_softmax(logits[20:] / t)[np.arange(1000), y[20:]].mean() for t in (1.0, temperature))
        costs.append(fitted - true)
    assert np.mean(costs) < 0.06
    assert max(costs) < 0.25


def test_weights_count_as_repetitions() -> None:
    logits, y = overconfident(2.0, 50)
    weight = np.arange(50) % 3
    repeated = fit_temperature(np.repeat(logits, weight, axis=0), np.repeat(y, weight))
    assert fit_temperature(logits, y, weight) == pytest.approx(repeated, rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((3, 2)), "a temperature needs a label for each row of logits; there are 3 and 2."),
        (np.full((2, 2), np.nan), "a temperature cannot be fitted: some logits are not finite."),
    ],
)
def test_what_cannot_be_calibrated_is_named(logits: np.ndarray, message: str) -> None:
    with pytest.raises(DataError) as caught:
        fit_temperature(logits, np.array([0, 1]))
    assert str(caught.value) == message


def test_calibration_error_equals_a_slow_version() -> None:
    logits, y = overconfident(3.0, 500)
    p = softmax(logits)
    sure, right, error = p.max(1), p.argmax(1) == y, 0.0
    for b in range(15):
        inside = (sure > b / 15) & (sure <= (b + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert calibration_error(p, y) == pytest.approx(error)


def test_calibration_lowers_the_error_of_an_overconfident_model() -> None:
    logits, y = overconfident(5.0)
    temperature = fit_temperature(logits[:2000], y[:2000])
    before, after = (calibration_error(softmax(logits[2000:] / t), y[2000:]) for t in (1.0, temperature))
    assert after < 0.3 * before


def test_the_reliability_table_holds_every_example_once() -> None:
    logits, y = overconfident(2.0, 300)
    p = softmax(logits)
    table = reliability(p, y)
    assert sum(row["count"] for row in table) == 300
    assert sum(row["count"] * row["accuracy"] for row in table) == pytest.approx((p.argmax(1) == y).sum())
    assert sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in table) / 300 == pytest.approx(
        calibration_error(p, y)
    )


def test_a_temperature_from_shares_is_the_one_that_made_them_and_less_sure_where_they_disagree() -> None:
    logits, _ = overconfident(2.0, 300)
    assert fit_temperature_to(logits, softmax(logits / 3.0)) == pytest.approx(3.0, rel=1e-6)
    other = np.roll(softmax(logits / 3.0), 1, axis=0)
    assert fit_temperature_to(logits, other) > 6.0
    with pytest.raises(DataError, match="shares for each row"):
        fit_temperature_to(logits, other[:-1])
    with pytest.raises(DataError, match="not finite"):
        fit_temperature_to(np.full((2, 2), np.inf), np.full((2, 2), 0.5))


@pytest.mark.parametrize("sharper", [1.0, 2.0])
def test_the_interval_of_a_calibration_error_holds_it_with_few_examples(sharper: float) -> None:
    """A calibrated classifier shows an error of 0.08 with 100 examples; the truth is nought."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 50_000)
    p = softmax(sharper * 1.5 * (rng.normal(size=(50_000, 3)) + 1.5 * np.eye(3)[y]))
    truth, held = calibration_error(p, y), []
    for run in range(30):
        at = rng.integers(0, len(y), 100)
        statistics = probability_statistics(y[at], p[at])
        samples = bootstrap(statistics, 100, seed=run, resamples=200)["calibration_error"]
        found = error_interval(calibration_error(p[at], y[at]), samples, error_by_chance(p[at], seed=run), 100)
        held.append(found.low <= truth <= found.high)
    assert truth < 0.01 or sharper > 1
    assert sum(held) >= 25, "95 % is said; below 25 of 30 has a chance of 0.3 % where that is so"
