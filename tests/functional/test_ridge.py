"""The ridge path gives scikit-learn's solution for every C, with and without weights, for few and many examples."""

from __future__ import annotations

import os

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error

from transferium.errors import DataError, InputError
from transferium.functional.ridge import fit_ridge_path

GRID = (1e-3, 0.1, 10.0, 1e4)


def world(n: int = 120, width: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two targets whose units lie far apart."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width)) / np.sqrt(1 + np.arange(width)) + 3 * rng.normal(size=width)
    Y = X @ rng.normal(size=(width, 2)) + rng.normal(size=(n, 2))
    return X, Y * [0.01, 1000.0] + [5.0, -1e5]


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool(np.linalg.norm(ours - theirs) < 1e-6 * np.linalg.norm(theirs))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", [(120, 30), (60, 200)], ids=["n>w", "n<w"])
def test_equals_scikit_learn(shape: tuple[int, int], weighted: bool) -> None:
    X, Y = world(*shape)
    fold, weight = np.arange(len(X)) % 3, np.ones(len(X))
    if weighted:
        weight = np.random.default_rng(1).integers(0, 4, len(X)) * 0.7
    path = fit_ridge_path(X, Y, GRID, fold, weight if weighted else None)
    for c, C in enumerate(GRID):
        for target in range(2):
            theirs = Ridge(alpha=path.scale**2 / C, solver="svd").fit(X, Y[:, target], sample_weight=weight)
            assert close(path.coef[c, target], theirs.coef_)
            assert close(path.intercept[c, target], theirs.intercept_)
            for out in range(3):
                seen = fold != out
                theirs = Ridge(alpha=path.scale**2 / C, solver="svd")
                theirs.fit(X[seen], Y[seen, target], sample_weight=weight[seen])
                assert close(path.oof_scores[c, ~seen, target], theirs.predict(X[~seen]))


def test_errors_are_those_of_scikit_learn_in_units_of_the_spread() -> None:
    X, Y = world()
    fold, weight = np.arange(len(X)) % 3, np.random.default_rng(2).random(len(X))
    path = fit_ridge_path(X, Y, GRID, fold, weight)
    middle = np.average(Y, axis=0, weights=weight)
    np.testing.assert_allclose(path.spread, np.sqrt(np.average((Y - middle) ** 2, axis=0, weights=weight)))
    for c in range(len(GRID)):
        for out in range(3):
            at = fold == out
            truth, said = Y[at] / path.spread, path.oof_scores[c, at] / path.spread
            squared = mean_squared_error(truth, said, sample_weight=weight[at])
            absolute = mean_absolute_error(truth, said, sample_weight=weight[at])
            assert path.squared_error[c, out] == pytest.approx(squared, rel=1e-6)
            assert path.absolute_error[c, out] == pytest.approx(absolute, rel=1e-6)


def test_a_strong_penalty_answers_with_the_mean_whose_squared_error_is_1() -> None:
    X, Y = world(600)
    path = fit_ridge_path(X, Y, [1e-9], np.arange(600) % 3)
    np.testing.assert_allclose(path.squared_error.mean(), 1.0, atol=0.02)
    np.testing.assert_allclose(path.oof_scores[0, ::3], np.tile(np.delete(Y, np.s_[::3], 0).mean(0), (200, 1)))


def test_a_planted_line_is_found_and_the_middle_c_wins_in_noise() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)) + 7
    exact = fit_ridge_path(X, X[:, :1] * 3 - 2, [1e9], np.arange(200) % 5)
    np.testing.assert_allclose(exact.coef[0, 0], [3, 0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(exact.intercept[0], -2, atol=1e-4)
    assert exact.squared_error.max() < 1e-9
    X = rng.normal(size=(80, 60))
    noisy = fit_ridge_path(X, X[:, :1] + rng.normal(size=(80, 1)), np.logspace(-4, 6, 11), np.arange(80) % 5)
    assert 0 < noisy.squared_error.mean(axis=1).argmin() < 10


def test_c_means_the_same_in_every_unit() -> None:
    X, Y = world()
    fold = np.arange(len(X)) % 3
    one, other = fit_ridge_path(X, Y, GRID, fold), fit_ridge_path(100 * X, 1e-6 * Y, GRID, fold)
    np.testing.assert_allclose(one.squared_error, other.squared_error, rtol=1e-8)
    np.testing.assert_allclose(one.coef, other.coef * 1e8, rtol=1e-6)


def test_targets_of_a_held_out_fold_change_nothing_in_its_answers() -> None:
    X, Y = world()
    fold = np.arange(len(X)) % 4
    changed = np.where((fold == 2)[:, None], Y[::-1] * 3, Y)
    one, other = (fit_ridge_path(X, T, GRID, fold).oof_scores for T in (Y, changed))
    np.testing.assert_allclose(one[:, fold == 2], other[:, fold == 2], rtol=1e-8)
    assert np.abs(one[:, fold != 2] - other[:, fold != 2]).max() > 1


def test_examples_of_weight_zero_say_nothing() -> None:
    X, Y = world()
    weight, fold = (np.arange(len(X)) % 5 > 0).astype(float), np.arange(len(X)) % 3
    spoilt = np.where(weight[:, None] > 0, Y, 1e6)
    one, other = (fit_ridge_path(X, T, GRID, fold, weight) for T in (Y, spoilt))
    np.testing.assert_allclose(one.coef, other.coef, rtol=1e-6)
    np.testing.assert_allclose(one.squared_error, other.squared_error, rtol=1e-6)


def test_a_constant_target_is_answered_exactly() -> None:
    X, Y = world()
    Y[:, 0] = 0.1
    path = fit_ridge_path(X, Y, GRID, np.arange(len(X)) % 3)
    assert path.spread[0] == 0
    np.testing.assert_allclose(path.coef[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(path.oof_scores[..., 0], 0.1)
    alone = fit_ridge_path(X, Y[:, 1:], GRID, np.arange(len(X)) % 3)
    np.testing.assert_allclose(path.squared_error, alone.squared_error / 2, atol=1e-12)


def test_features_that_say_nothing_leave_the_mean() -> None:
    path = fit_ridge_path(np.ones((10, 3)), np.arange(10.0)[:, None], [1.0], np.arange(10) % 2)
    assert not path.coef.any()
    assert path.intercept[0, 0] == pytest.approx(4.5)


def test_a_single_fold_holds_nothing_out() -> None:
    """As in the softmax path: scores are those of the model of all examples on what it saw."""
    X, Y = world()
    path = fit_ridge_path(X, Y, GRID, np.zeros(len(X), int))
    np.testing.assert_allclose(path.oof_scores[1], X @ path.coef[1].T + path.intercept[1], rtol=1e-8)
    assert path.squared_error.shape == path.absolute_error.shape == (4, 1)
    assert np.isfinite(path.squared_error).all()


def test_examples_that_are_never_held_out_train_every_model() -> None:
    X, Y = world(90)
    fold = np.where(np.arange(90) < 30, -1, np.arange(90) % 2)
    path = fit_ridge_path(X, Y, [1.0], fold)
    assert not path.oof_scores[0, :30].any()
    assert path.squared_error.shape == (1, 2)
    seen = fold != 0
    theirs = Ridge(alpha=path.scale**2).fit(X[seen], Y[seen])
    assert close(path.oof_scores[0, ~seen], theirs.predict(X[~seen]))


def test_large_matrices_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features held in float32 enter products in float64."""
    X, Y = world()
    X = X.astype(np.float32)
    exact = fit_ridge_path(X, Y, GRID[:3], np.arange(len(X)) % 3)
    monkeypatch.setattr("transferium.functional.path_data.EXACT", 0)
    single = fit_ridge_path(X, Y, GRID[:3], np.arange(len(X)) % 3)
    assert single.oof_scores.dtype == np.float64
    np.testing.assert_allclose(single.oof_scores, exact.oof_scores, rtol=1e-5)


def test_the_result_does_not_depend_on_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = world()
    results = []
    for count in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid, count=count: set(range(count)), raising=False)
        results.append(fit_ridge_path(X, Y, GRID, np.arange(len(X)) % 5).oof_scores)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Cs": [0.0]}, "Cs must be positive numbers; they were [0.0]."),
        ({"Y": np.zeros((2, 1))}, "4 rows, 2 labels, 4 folds and 2 weights do not match."),
        ({"Y": np.zeros(4)}, "targets must be an array (examples, targets) with at least 1 target; it was (4,)."),
        ({"Y": np.array([[0.0], [np.nan], [1], [np.inf]])}, "2 of 4 rows of targets are not finite."),
        ({"X": np.array([[0.0], [np.nan], [1.0], [2.0]])}, "1 of 4 feature rows are not finite; the first is row 1."),
        ({"weights": np.zeros(4)}, "every fold from 0 on must hold examples; of 2, 2 hold none."),
    ],
)
def test_what_cannot_be_solved_is_named(changes: dict, message: str) -> None:
    given = {"X": np.arange(4.0)[:, None], "Y": np.arange(4.0)[:, None], "Cs": [1.0]}
    given |= {"fold": np.array([0, 0, 1, 1])} | changes
    with pytest.raises((InputError, DataError)) as caught:
        fit_ridge_path(**given)
    assert str(caught.value) == message
