"""Every metric equals scikit-learn's, on the sample and on a resample; intervals hold what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as theirs

from transferium.errors import DataError
from transferium.functional.bootstrap import least_share, resample_counts
from transferium.functional.calibration import calibration_error
from transferium.functional.linear_classifier import softmax
from transferium.functional.metrics.class_metrics import class_statistics, probability_statistics, ranking_statistics
from transferium.problems.class_evaluation import Evaluation, accuracy_interval, evaluate


def guesses(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)).round(1)
    logits[np.arange(n), y] += 1
    return y, softmax(logits)


def by_scikit_learn(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    guess, labels = p.argmax(1), np.arange(p.shape[1])
    result = {
        "accuracy": theirs.accuracy_score(y, guess, sample_weight=weight),
        "balanced_accuracy": theirs.balanced_accuracy_score(y, guess, sample_weight=weight),
        "log_loss": theirs.log_loss(y, p, labels=labels, sample_weight=weight),
    }
    for average in ("macro", "weighted"):
        scores = theirs.precision_recall_fscore_support(
            y, guess, average=average, zero_division=0, sample_weight=weight
        )
        result |= {f"{average}_{name}": s for name, s in zip(("precision", "recall", "f1"), scores, strict=False)}
    if len(labels) == 2:
        result["roc_auc"] = theirs.roc_auc_score(y, p[:, 1], sample_weight=weight)
        result["average_precision"] = theirs.average_precision_score(y, p[:, 1], sample_weight=weight)
    return result


@pytest.mark.parametrize(("n", "classes"), [(150, 2), (300, 5), (200, 30)])
def test_every_metric_equals_scikit_learns(n: int, classes: int) -> None:
    y, p = guesses(n, classes)
    found = evaluate(y, p, [str(k) for k in range(classes)], seed=0)
    for name, value in by_scikit_learn(y, p).items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low - 1e-9 <= value <= found[name].high + 1e-9, name
    assert found["calibration_error"].value == pytest.approx(calibration_error(p, y))
    np.testing.assert_array_equal(found.confusion, theirs.confusion_matrix(y, p.argmax(1), labels=range(classes)))
    scores = theirs.precision_recall_fscore_support(y, p.argmax(1), labels=range(classes), zero_division=0)
    for k, row in enumerate(found.per_output):
        assert row["class"] == str(k)
        assert [row[name].value for name in ("precision", "recall", "f1")] == pytest.approx([s[k] for s in scores[:3]])
        assert row["support"] == scores[3][k]


def test_a_resample_is_measured_as_scikit_learn_measures_the_repeated_examples() -> None:
    y, p = guesses(80, 2, seed=1)
    counts = next(resample_counts(80, seed=3, resamples=20))
    parts = (class_statistics(y, p.argmax(1), 2), probability_statistics(y, p), ranking_statistics(y == 1, p[:, 1]))
    found = {name: value for part in parts for name, value in part(counts).items()}
    for b in range(20):
        again = np.repeat(np.arange(80), counts[b].astype(int))
        for name, value in by_scikit_learn(y[again], p[again]).items():
            assert found[name][b] == pytest.approx(value, abs=1e-6), name
        assert found["calibration_error"][b] == pytest.approx(calibration_error(p[again], y[again]), abs=1e-6)


def test_a_class_that_is_absent_counts_as_in_scikit_learn() -> None:
    y, p = guesses(60, 4)
    y, p = np.where(y == 3, 0, y), p * [1, 1, 1, 0]  # class 3: neither a label nor ever an answer
    p /= p.sum(1, keepdims=True)
    found = evaluate(y, p, list("abcd"), seed=0)
    for name, value in by_scikit_learn(y, p).items():
        assert found[name].value == pytest.approx(value, abs=1e-9), name
    assert found.per_output[3]["support"] == 0
    assert (found.per_output[3]["recall"].low, found.per_output[3]["recall"].high) == (0, 1)


def test_ranking_needs_both_classes_and_says_so() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6]])
    found = evaluate(np.array([1, 1]), p, ["ant", "bee"], seed=0)
    assert found.metrics["roc_auc"] is None
    assert found.as_dict()["average_precision"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "no example of 'ant' to rank the others against",
    }
    with pytest.raises(KeyError, match="no example of 'ant'"):
        found["roc_auc"]


def test_perfect_answers_keep_an_exact_lower_limit() -> None:
    y = np.array([0] * 40 + [1] * 10)
    found = evaluate(y, np.eye(2)[y], ["a", "b"], seed=0)
    assert (found.accuracy.value, found.accuracy.high) == (1, 1)
    assert found.accuracy.low == pytest.approx(least_share(50))
    assert found.accuracy.low == pytest.approx(0.9289, abs=1e-4)  # Clopper and Pearson (1934), 50 of 50
    assert found["balanced_accuracy"].low == pytest.approx((1 + least_share(10)) / 2)
    assert found.per_output[1]["recall"].low == pytest.approx(least_share(10))
    assert found["weighted_f1"].low == found.accuracy.low


def test_answers_that_are_all_wrong_keep_an_exact_upper_limit() -> None:
    y = np.array([0, 1] * 10)
    found = evaluate(y, np.eye(2)[1 - y], ["a", "b"], seed=0)
    assert (found.accuracy.low, found.accuracy.value) == (0, 0)
    assert found.accuracy.high == pytest.approx(1 - least_share(20))


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("right", [0.0, 0.8, 1.0])
def test_an_accuracy_alone_has_the_interval_it_has_among_the_metrics(right: float, grouped: bool) -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 60)
    hit = rng.random(60) < right
    groups = rng.integers(0, 25, 60) if grouped else None
    whole = evaluate(y, np.eye(3)[np.where(hit, y, (y + 1) % 3)], list("abc"), seed=7, groups=groups).accuracy
    alone = accuracy_interval(hit, seed=7, groups=groups)
    assert (alone.value, alone.low, alone.high) == pytest.approx((whole.value, whole.low, whole.high), abs=1e-7)
    assert alone.low < alone.high


def test_one_example_is_enough_to_say_almost_nothing() -> None:
    found = evaluate(np.array([0]), np.array([[0.7, 0.2, 0.1]]), list("abc"), seed=0)
    assert found.accuracy.value == 1
    assert found.accuracy.low == pytest.approx(0.025)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for trial in range(150):
        rng = np.random.default_rng(trial)
        y = rng.integers(0, 3, 120)
        answer = np.where(rng.random(120) < 0.8, y, (y + 1) % 3)
        found = evaluate(y, np.eye(3)[answer], list("abc"), seed=trial, resamples=300).accuracy
        hits += found.low <= 0.8 <= found.high
    assert 0.89 <= hits / 150 <= 0.99


def test_groups_widen_and_seeds_repeat() -> None:
    y, p = guesses(40, 3)
    y, p, groups = np.repeat(y, 5), np.repeat(p, 5, axis=0), np.repeat(np.arange(40), 5)
    alone, again, tied = (evaluate(y, p, list("abc"), seed=1, groups=g) for g in (None, None, groups))
    assert alone.as_dict() == again.as_dict()
    assert tied.accuracy.value == alone.accuracy.value
    assert tied.accuracy.high - tied.accuracy.low > 1.6 * (alone.accuracy.high - alone.accuracy.low)


def test_calibration_is_shown_before_and_after() -> None:
    y, p = guesses(400, 3)
    sharp = p**4 / (p**4).sum(1, keepdims=True)
    found = evaluate(y, p, list("abc"), seed=0, before=sharp)
    assert found["calibration_error_before"].value == pytest.approx(calibration_error(sharp, y))
    assert found["log_loss_before"].value == pytest.approx(theirs.log_loss(y, sharp))
    assert found["log_loss"].value < found["log_loss_before"].low
    assert sum(row["count"] for row in found.reliability_before or []) == 400


def test_the_dictionary_is_strict_json() -> None:
    y, p = guesses(30, 2)
    plain = evaluate(y, p, ["a", "b"], seed=0).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert set(plain["accuracy"]) == {"value", "low", "high"}
    assert set(plain["per_class"][0]["f1"]) == {"value", "low", "high"}
    assert isinstance(evaluate(y, p, ["a", "b"], seed=0), Evaluation)


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [[1.0, 0.0]], "evaluation needs probabilities (2, 2) for 2 labels and 2 classes, and at least one"),
        ([0, 2], [[1.0, 0.0]] * 2, "labels must lie between 0 and 1; found 0 to 2."),
        ([0, 1], [[0.9, 0.9]] * 2, "rows of probabilities must be finite, not negative, and sum to 1; some do not."),
        ([0, 1], [[np.nan, 1.0]] * 2, "rows of probabilities must be finite, not negative, and sum to 1; some do not."),
    ],
)
def test_what_cannot_be_evaluated_is_named(y: list, p: list, message: str) -> None:
    with pytest.raises(DataError) as caught:
        evaluate(np.array(y), np.array(p), ["a", "b"], seed=0)
    assert str(caught.value).startswith(message)
