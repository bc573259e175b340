"""Every transferability score against a slow one that was written from its paper, and what it does not depend on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_digits, load_wine

import transferium as tm
from transferium.errors import InputError
from transferium.functional.transferability.gbc import gbc
from transferium.functional.transferability.h_score import h_score, regularised_h_score
from transferium.functional.transferability.leep import leep
from transferium.functional.transferability.logme import logme
from transferium.functional.transferability.nce import nce
from transferium.functional.transferability.parc import parc
from transferium.functional.transferability.transrate import transrate

Array = NDArray[Any]
Score = Callable[[Array, Array], float]


def slow_logme(x: Array, y: Array) -> float:
    """Algorithm 1 of the paper with whole matrices, until the evidence stands still."""
    n, width = x.shape
    found = []
    for c in np.unique(y):
        target, alpha, beta, last = (y == c).astype(float), 1.0, 1.0, -np.inf
        values = np.linalg.eigvalsh(x.T @ x)
        for _ in range(20_000):
            a = alpha * np.eye(width) + beta * x.T @ x
            m = beta * np.linalg.solve(a, x.T @ target)
            gamma = (beta * values / (alpha + beta * values)).sum()
            residual = ((x @ m - target) ** 2).sum()
            evidence = n / 2 * np.log(beta) + width / 2 * np.log(alpha) - n / 2 * np.log(2 * np.pi)
            evidence += -beta / 2 * residual - alpha / 2 * m @ m - 0.5 * np.linalg.slogdet(a)[1]
            if abs(evidence - last) < 1e-13 * abs(evidence):
                break
            alpha, beta, last = gamma / (m @ m), (n - gamma) / residual, evidence
        found.append(evidence / n)
    return float(np.mean(found))


def slow_h_score(x: Array, y: Array) -> float:
    between = np.stack([x[y == c].mean(axis=0) for c in y])
    return float(np.trace(np.linalg.pinv(np.cov(x, rowvar=False), rcond=1e-10) @ np.cov(between, rowvar=False)))


def slow_regularised(x: Array, y: Array) -> float:
    between = np.stack([x[y == c].mean(axis=0) for c in y])
    fitted = LedoitWolf().fit(x)
    spread = np.cov(between, rowvar=False, bias=True)
    return float((1 - fitted.shrinkage_) * np.trace(np.linalg.inv(fitted.covariance_) @ spread))


def slow_transrate(x: Array, y: Array) -> float:
    z = x - x.mean(axis=0)
    z = z / np.sqrt(np.mean([row @ row for row in z]))

    def rate(rows: Array) -> float:
        return 0.5 * np.linalg.slogdet(np.eye(rows.shape[1]) + rows.T @ rows / (len(rows) * 1e-4))[1]

    return float(rate(z) - sum((y == c).mean() * rate(z[y == c]) for c in np.unique(y)))


def slow_gbc(x: Array, y: Array) -> float:
    """Whole covariance matrices of one variance in every direction."""
    middle = x - x.mean(axis=0)
    x = middle @ np.linalg.svd(middle, full_matrices=False)[2][:64].T
    width, total = x.shape[1], 0.0
    floor = 1e-4 * x.var(axis=0).mean()
    spreads = {c: np.eye(width) * max(x[y == c].var(axis=0).mean(), floor) for c in np.unique(y)}
    for i in np.unique(y):
        for j in np.unique(y):
            if i == j:
                continue
            gap, pooled = x[y == i].mean(axis=0) - x[y == j].mean(axis=0), (spreads[i] + spreads[j]) / 2
            logs = [np.linalg.slogdet(s)[1] for s in (pooled, spreads[i], spreads[j])]
            distance = gap @ np.linalg.inv(pooled) @ gap / 8 + 0.5 * (logs[0] - 0.5 * (logs[1] + logs[2]))
            total -= np.exp(-distance)
    return total


def slow_parc(x: Array, y: Array) -> float:
    apart = 1 - np.corrcoef(x)
    differ = 1 - np.corrcoef(np.eye(int(y.max()) + 1)[y]).round(9)
    lower = np.tril_indices(len(x), -1)
    return float(spearmanr(apart[lower], differ[lower]).statistic)


def slow_leep(theta: Array, y: Array) -> float:
    n, total = len(y), 0.0
    for i in range(n):
        expected = 0.0
        for z in range(theta.shape[1]):
            joint = sum(theta[j, z] for j in range(n) if y[j] == y[i]) / n
            expected += joint / (theta[:, z].sum() / n) * theta[i, z]
        total += np.log(expected)
    return total / n


def slow_nce(answers: Array, y: Array) -> float:
    total = 0.0
    for z, label in zip(answers, y, strict=True):
        same = y[answers == z]
        total += np.log((same == label).mean())
    return total / len(y)


SLOW: dict[str, tuple[Score, Score]] = {
    "logme": (logme, slow_logme),
    "h_score": (h_score, slow_h_score),
    "regularised_h_score": (regularised_h_score, slow_regularised),
    "transrate": (transrate, slow_transrate),
    "gbc": (gbc, slow_gbc),
    "parc": (parc, slow_parc),
}


def random_features(n: int, width: int, classes: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    return rng.normal(size=(n, width)) + rng.normal(size=(classes, width))[y] * 0.7, y


def digits() -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    return x[:150], y[:150]


DATA: dict[str, Callable[[], tuple[Array, Array]]] = {
    "random": lambda: random_features(120, 10, 3),
    "unequal": lambda: (random_features(90, 6, 2)[0], (np.arange(90) < 80).astype(int)),
    "wine": lambda: load_wine(return_X_y=True),
    "digits, some columns always 0": digits,
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", SLOW)
def test_it_equals_a_slow_one_from_its_paper(name: str, data: str) -> None:
    fast, slow = SLOW[name]
    x, y = DATA[data]()
    assert fast(x, y) == pytest.approx(slow(x, y), rel=1e-6)


@pytest.mark.parametrize("name", ["logme", "regularised_h_score", "transrate", "gbc", "parc"])
def test_features_wider_than_examples_are_many(name: str) -> None:
    fast, slow = SLOW[name]
    x, y = random_features(24, 40, 3, seed=1)
    x = x + np.random.default_rng(2).normal(size=(24, 40)) * 3  # noise enough that no linear head is perfect
    assert fast(x, y) == pytest.approx(slow(x, y), rel=1e-6)


def test_h_score_of_wide_features_says_nothing() -> None:
    x, y = random_features(40, 90, 3, seed=1)
    assert h_score(x, y) == pytest.approx(2.0)
    assert regularised_h_score(x, y) < 1.9


@pytest.mark.parametrize("source_classes", [2, 5])
def test_scores_of_a_source_models_answers(source_classes: int) -> None:
    rng = np.random.default_rng(3)
    theta = rng.dirichlet(np.full(source_classes, 0.4), size=80)
    y = np.where(rng.random(80) < 0.6, theta.argmax(axis=1) % 3, rng.integers(0, 3, 80))
    assert leep(theta, y) == pytest.approx(slow_leep(theta, y), rel=1e-6)
    assert nce(theta.argmax(axis=1), y) == pytest.approx(slow_nce(theta.argmax(axis=1), y), rel=1e-6)
    hard = np.eye(source_classes)[theta.argmax(axis=1)]
    assert leep(hard, y) == pytest.approx(nce(theta.argmax(axis=1), y), rel=1e-6)  # the paper's section 3


def rotation(width: int) -> Array:
    return np.linalg.qr(np.random.default_rng(5).normal(size=(width, width)))[0]


CHANGES: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "rotated": lambda x, y: (x @ rotation(x.shape[1]), y),
    "scaled": lambda x, y: (37.0 * x, y),
    "shifted": lambda x, y: (x + np.arange(x.shape[1]), y),
    "mapped": lambda x, y: (x @ (np.eye(x.shape[1]) + 0.3 * np.tri(x.shape[1])), y),
    "reordered": lambda x, y: (x[::-1].copy(), y[::-1].copy()),
    "other columns first": lambda x, y: (x[:, ::-1].copy(), y),
    "renamed classes": lambda x, y: (x, 7 - 2 * y),
}
DEPENDS = {
    "logme": {"shifted", "mapped"},
    "h_score": set[str](),
    "regularised_h_score": {"mapped"},
    "transrate": {"mapped"},
    "gbc": {"mapped"},
    "parc": {"rotated", "shifted", "mapped"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SLOW)
def test_what_it_depends_on(name: str, change: str) -> None:
    score = SLOW[name][0]
    for seed in range(3):
        x, y = random_features(60, 8, 3, seed)
        same = score(*CHANGES[change](x, y)) == pytest.approx(score(x, y), rel=1e-8)
        assert same == (change not in DEPENDS[name]), seed


def test_answers_in_any_order_and_under_any_name() -> None:
    rng = np.random.default_rng(0)
    theta, y, order = rng.dirichlet(np.ones(4), size=50), rng.integers(0, 3, 50), rng.permutation(50)
    assert leep(theta[order][:, ::-1], 9 - y[order]) == pytest.approx(leep(theta, y), rel=1e-9)
    assert nce(9 - theta.argmax(axis=1)[order], y[order] + 4) == pytest.approx(nce(theta.argmax(axis=1), y), rel=1e-9)


@pytest.mark.parametrize("name", SLOW)
def test_more_signal_scores_higher(name: str) -> None:
    rng = np.random.default_rng(8)
    y = np.arange(150) % 3
    noise, means = rng.normal(size=(150, 12)), rng.normal(size=(3, 12))
    scores = [SLOW[name][0](noise + strength * means[y], y) for strength in (0.5, 1.0, 2.0)]
    assert all(low < high for low, high in pairwise(scores))


@pytest.mark.parametrize("name", SLOW)
def test_faults_are_named(name: str) -> None:
    score = SLOW[name][0]
    x, y = random_features(12, 4, 3)
    holed = x.copy()
    holed[7, 2] = np.nan
    for features, labels, said in (
        (holed, y, "not finite, first in row 7"),
        (np.ones_like(x), y, "the same in every row"),
        (x[:3], np.arange(3), "3 examples of 3 classes say nothing"),
        (x, np.zeros(12, int), "two or more classes; the labels hold 1"),
        (x, y[:5], "must be 12 whole numbers"),
        (x, y + 0.5, "must be 12 whole numbers"),
    ):
        with pytest.raises(InputError, match=said):
            score(features, labels)


def test_faults_of_some_scores_alone() -> None:
    x, y = random_features(12, 4, 3)
    with pytest.raises(InputError, match="softmax"):
        leep(x, y)
    with pytest.raises(InputError, match="3 examples of 3 classes"):
        leep(np.full((3, 2), 0.5), np.arange(3))
    with pytest.raises(InputError, match="3 examples of 3 classes"):
        nce(np.zeros(3, int), np.arange(3))
    with pytest.raises(InputError, match="eps=0 must be above 0"):
        transrate(x, y, eps=0)
    x[5] = 2.0
    with pytest.raises(InputError, match="row 5 are all equal"):
        parc(x, y)


def test_a_perfect_model_has_a_finite_score() -> None:
    y = np.repeat(np.arange(3), 20)
    perfect = np.eye(3)[y]
    for name in SLOW:
        assert np.isfinite(SLOW[name][0](perfect, y)), name


def test_a_column_that_never_changes_costs_nothing() -> None:
    x, y = random_features(60, 5, 3)
    wider = np.hstack([x, np.zeros((60, 2))])
    for name in ("logme", "h_score", "transrate", "gbc"):
        changed = SLOW[name][0](wider, y)
        assert np.isfinite(changed)
        if name in ("logme", "h_score", "transrate"):
            assert changed == pytest.approx(SLOW[name][0](x, y), rel=1e-9)


def test_transrate_does_not_see_how_far_apart_two_equal_classes_lie() -> None:
    """What its docstring says: from the middle of all rows, both classes look like the whole."""
    y = np.repeat([0, 1], 200)
    x = np.random.default_rng(0).normal(size=(400, 3))
    near, far = (transrate(x + gap * y[:, None], y) for gap in (0.0, 6.0))
    assert far < near + 0.02
    assert gbc(x + 6.0 * y[:, None], y) > gbc(x, y) + 0.5


def test_bhattacharyya_of_two_known_gaussians() -> None:
    """One direction, variances 1 and 4, means 0 and 3: 9/2.5/8 + ½ log(2.5/2)."""
    x = np.array([[-1.0], [1.0], [1.0], [5.0]])
    assert gbc(x, np.array([0, 0, 1, 1])) == pytest.approx(-2 * np.exp(-(9 / 2.5 / 8 + 0.5 * np.log(2.5 / 2))))


@pytest.mark.slow
def test_real_features_of_a_bundled_backbone(shared_data: Callable[[str], Path]) -> None:
    domain = tm.read(shared_data("hymenoptera"))
    x = np.asarray(tm.embed(domain), np.float64)
    for name, (fast, slow) in SLOW.items():
        assert fast(x, domain.y) == pytest.approx(slow(x, domain.y), rel=1e-6), name
