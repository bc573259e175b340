"""Distances between domains equal slow versions, and their uncertainty is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from transferium.errors import InputError
from transferium.functional.matrices import median_bandwidth, squared_distances
from transferium.functional.shift.a_distance import a_distance
from transferium.functional.shift.frechet import frechet_distance
from transferium.functional.shift.permutation import SCALES, mmd_permutation_test

RNG = np.random.default_rng(11)
X, Z = RNG.normal(size=(24, 3)), RNG.normal(size=(18, 3)) * 1.4 + 0.6


def test_a_distance_is_zero_without_shift_and_two_when_apart() -> None:
    x, z = RNG.normal(size=(300, 4)), RNG.normal(size=(200, 4))
    same, apart = a_distance(x, z, seed=0), a_distance(x, z + 10.0, seed=0)
    assert same.distance < 0.3
    assert same.low <= 0.5 <= same.high
    assert apart.distance == 2.0
    assert 0.95 < apart.low < apart.high == 1.0


def test_a_distance_equals_the_bayes_error_of_two_gaussians() -> None:
    x, z = RNG.normal(size=(1500, 2)), RNG.normal(size=(500, 2)) + np.array([2.0, 0.0])
    found = a_distance(x, z, seed=0)  # the best boundary is half-way: accuracy Φ(1) = 0.8413, whatever the counts
    assert found.low <= 0.8413 <= found.high
    assert found.distance == pytest.approx(2 * (2 * found.accuracy - 1))


def test_a_distance_comes_from_its_seed_and_respects_its_limit() -> None:
    assert a_distance(X, Z, seed=4) == a_distance(X, Z, seed=4)
    wide = np.concatenate([X] * 20), np.concatenate([Z] * 20)
    narrow = a_distance(*wide, seed=0, limit=30)
    assert narrow.high - narrow.low > a_distance(*wide, seed=0).high - a_distance(*wide, seed=0).low
    with pytest.raises(InputError, match="at least 5 rows of each domain are needed; found 24 and 3"):
        a_distance(X, Z[:3], seed=0)


def test_frechet_distance_equals_the_formula_with_a_matrix_root() -> None:
    Cs, Ct = np.cov(X.T), np.cov(Z.T)
    gap = X.mean(axis=0) - Z.mean(axis=0)
    slow = gap @ gap + np.trace(Cs + Ct - 2 * sqrtm(Cs @ Ct).real)
    assert frechet_distance(X, Z) == pytest.approx(slow, rel=1e-8)
    assert frechet_distance(X, X) == pytest.approx(0.0, abs=1e-10)


def test_frechet_distance_with_fewer_rows_than_features() -> None:
    x = RNG.normal(size=(5, 40))
    assert frechet_distance(x, 3.0 * x) == pytest.approx(
        4 * (x.mean(axis=0) @ x.mean(axis=0)) + 4 * np.trace(np.cov(x.T)), rel=1e-8
    )


def test_mmd_value_equals_the_slow_sum() -> None:
    joint = np.concatenate([X, Z])
    width = median_bandwidth(squared_distances(joint, joint))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([np.exp(-((a - b) ** 2).sum() / (s * width)) for s in SCALES]))

    within = [np.mean([k(m[i], m[j]) for i in range(len(m)) for j in range(len(m)) if i != j]) for m in (X, Z)]
    expected = sum(within) - 2 * np.mean([k(a, b) for a in X for b in Z])
    assert mmd_permutation_test(X, Z, seed=0, permutations=9).value == pytest.approx(expected, rel=1e-9)


def test_p_values_are_uniform_without_shift() -> None:
    ps = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        ps.append(
            mmd_permutation_test(rng.normal(size=(15, 2)), rng.normal(size=(20, 2)), seed=0, permutations=39).p_value
        )
    assert 0 < np.mean(np.array(ps) <= 0.1) < 0.22
    assert np.mean(ps) == pytest.approx(0.5, abs=0.1)
    assert min(ps) >= 1 / 40


def test_p_values_are_small_with_a_shift_of_the_mean_or_the_spread() -> None:
    x = RNG.normal(size=(60, 2))
    assert mmd_permutation_test(x, RNG.normal(size=(60, 2)) + 1.0, seed=0).p_value < 0.01
    assert mmd_permutation_test(x, RNG.normal(size=(60, 2)) * 3.0, seed=0).p_value < 0.01


def test_identical_rows_are_no_evidence() -> None:
    assert mmd_permutation_test(np.ones((5, 2)), np.ones((6, 2)), seed=0, permutations=19).p_value == 1.0
    with pytest.raises(InputError, match="permutations=0 must be 1 or more"):
        mmd_permutation_test(X, Z, seed=0, permutations=0)
