"""Metrics of several labels an example are scikit-learn's, on the examples themselves and on any resample of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from transferium.errors import DataError
from transferium.functional.bootstrap import bootstrap
from transferium.functional.metrics.multi_label_metrics import (
    PER_LABEL,
    label_probability_statistics,
    label_statistics,
)


def world(n: int = 200, k: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities with many ties that know something of them."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, k)) < np.linspace(0.6, 0.03, k)
    return truth.astype(np.int64), ((0.4 * truth + 0.6 * rng.random((n, k))) * 20).round() / 20


def expected(Y: np.ndarray, P: np.ndarray) -> dict[str, float | np.ndarray]:
    G, columns = (P > 0.5).astype(int), range(Y.shape[1])
    found: dict[str, float | np.ndarray] = {
        "micro_f1": metrics.f1_score(Y, G, average="micro", zero_division=0),
        "micro_precision": metrics.precision_score(Y, G, average="micro", zero_division=0),
        "micro_recall": metrics.recall_score(Y, G, average="micro", zero_division=0),
        "macro_f1": metrics.f1_score(Y, G, average="macro", zero_division=np.nan),
        "subset_accuracy": metrics.accuracy_score(Y, G),
        "hamming_loss": metrics.hamming_loss(Y, G),
        "log_loss": np.mean([metrics.log_loss(Y[:, k], P[:, k], labels=[0, 1]) for k in columns]),
    }
    for name, score in zip(PER_LABEL, (metrics.precision_score, metrics.recall_score, metrics.f1_score), strict=True):
        found[name] = score(Y, G, average=None, zero_division=0)
    return found


def everything(Y: np.ndarray, P: np.ndarray) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    parts = label_statistics(Y, P > 0.5), label_probability_statistics(Y, P)
    return lambda counts: {name: value for part in parts for name, value in part(counts).items()}


def assert_same(found: dict[str, np.ndarray], theirs: dict[str, float | np.ndarray]) -> None:
    assert set(found) == set(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(found[name][0], value, rtol=1e-6, err_msg=name)


def test_counts_of_one_give_scikit_learns_metrics() -> None:
    Y, P = world()
    assert_same(everything(Y, P)(np.ones((1, len(Y)))), expected(Y, P))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_counts_are_examples_seen_so_often(kind: type) -> None:
    Y, P = world(80)
    counts = np.random.default_rng(1).integers(0, 4, (3, 80))
    found = everything(Y, P)(counts.astype(kind))
    for row, count in enumerate(counts):
        seen = np.repeat(np.arange(80), count)
        assert_same({name: value[row : row + 1] for name, value in found.items()}, expected(Y[seen], P[seen]))


def test_labels_that_never_occur_take_no_part_in_means() -> None:
    Y, P = world()
    wider = [np.hstack([part, np.zeros((len(Y), 1))]) for part in (Y, P)]
    ones = np.ones((1, len(Y)))
    own, other = everything(Y, P)(ones), everything(*wider)(ones)
    for name in ("macro_f1", "micro_f1", "subset_accuracy"):
        assert own[name][0] == pytest.approx(other[name][0])
    assert other["f1"].shape == (1, 7)
    assert other["f1"][0, 6] == 0


def test_nothing_true_and_nothing_said_is_zero_but_ranks_nothing() -> None:
    nothing = np.zeros((3, 2))
    found = everything(nothing, nothing)(np.ones((1, 3)))
    assert found["micro_f1"][0] == found["macro_f1"][0] == found["hamming_loss"][0] == 0
    assert found["subset_accuracy"][0] == 1


def test_probabilities_of_0_and_1_are_clipped() -> None:
    loss = label_probability_statistics(np.array([[1, 0]]), np.array([[0.0, 0.0]]))(np.ones((1, 1)))["log_loss"][0]
    assert loss == pytest.approx(-np.log(np.finfo(float).eps) / 2, rel=1e-6)


def test_a_bootstrap_holds_the_estimate() -> None:
    Y, P = world()
    statistics = everything(Y, P)
    estimate = statistics(np.ones((1, len(Y))))
    for name, samples in bootstrap(statistics, len(Y), seed=0, resamples=200).items():
        assert samples.shape[0] == 200
        assert (samples.min(axis=0) <= estimate[name][0] + 1e-9).all()
        assert (samples.max(axis=0) >= estimate[name][0] - 1e-9).all()


@pytest.mark.parametrize("statistics", [label_statistics, label_probability_statistics])
@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((3,), (3,)), ((0, 2), (0, 2))])
def test_shapes_must_match(statistics: Callable, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(DataError, match=r"must both be \(examples, labels\)"):
        statistics(*(np.zeros(shape) for shape in shapes))
