"""One path serves every label, each with scikit-learn's optimum; a label that is always or never there harms none."""

from __future__ import annotations

import os

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss

from transferium.errors import DataError, InputError
from transferium.functional.logistic import fit_path
from transferium.functional.one_vs_rest import fit_one_vs_rest

GRID = (0.01, 1.0, 100.0)


def world(n: int = 240, width: int = 30, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of falling spread, and labels that fewer and fewer examples have."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width)) / np.sqrt(1 + np.arange(width)) + 3 * rng.normal(size=width)
    logits = 2 * (X - X.mean(0)) @ rng.normal(size=(width, k)) + rng.normal(size=(n, k)) - 1.5 * np.arange(k)
    return X, (logits > 0).astype(np.int64)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def reference(X: np.ndarray, y: np.ndarray, C: float, weight: np.ndarray | None = None) -> LogisticRegression:
    solver = "newton-cholesky" if X.shape[1] < 100 else "lbfgs"
    return LogisticRegression(C=C, tol=1e-10, max_iter=50_000, solver=solver).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", [(240, 30), (90, 200)], ids=["n>w", "n<w"])
def test_equals_scikit_learn_label_by_label(shape: tuple[int, int], weighted: bool) -> None:
    X, Y = world(*shape)
    fold, weight = np.arange(len(X)) % 3, None
    if weighted:
        weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    path = fit_one_vs_rest(X, Y, GRID, fold, weight, tol=1e-6)
    assert path.converged.all()
    assert path.converged.shape == path.iterations.shape == (3, 4)
    Z = (X - X.mean(0)) / path.scale
    for c, C in enumerate(GRID):
        for label in range(Y.shape[1]):
            theirs = reference(Z, Y[:, label], C, weight)
            mine = sigmoid(X @ path.coef[c, label] + path.intercept[c, label])
            np.testing.assert_allclose(mine, theirs.predict_proba(Z)[:, 1], atol=1e-4)
            np.testing.assert_allclose(path.coef[c, label] * path.scale, theirs.coef_[0], atol=2e-3)
            for out in range(3):
                seen = fold != out
                theirs = reference(Z[seen], Y[seen, label], C, None if weight is None else weight[seen])
                expected = theirs.predict_proba(Z[~seen])[:, 1]
                np.testing.assert_allclose(sigmoid(path.oof_scores[c, ~seen, label]), expected, atol=1e-4)


def test_the_default_tolerance_is_good_for_probabilities() -> None:
    X, Y = world(400, 60, 6)
    fold = np.arange(len(X)) % 5
    loose, tight = fit_one_vs_rest(X, Y, GRID, fold), fit_one_vs_rest(X, Y, GRID, fold, tol=1e-8)
    assert loose.converged.all()
    np.testing.assert_allclose(sigmoid(loose.oof_scores), sigmoid(tight.oof_scores), atol=1e-4)


def test_scores_are_those_of_scikit_learn_on_each_fold() -> None:
    X, Y = world()
    fold, weight = np.arange(len(X)) % 3, np.random.default_rng(2).random(len(X))
    path = fit_one_vs_rest(X, Y, GRID, fold, weight)
    for c in range(3):
        for out in range(3):
            at = fold == out
            scores, kept = path.oof_scores[c, at], weight[at]
            losses = [log_loss(Y[at, k], sigmoid(scores[:, k]), sample_weight=kept, labels=[0, 1]) for k in range(4)]
            assert path.log_loss[c, out] == pytest.approx(np.mean(losses), abs=1e-9)
            theirs = f1_score(Y[at], scores > 0, average="micro", sample_weight=kept)
            assert path.micro_f1[c, out] == pytest.approx(theirs, abs=1e-12)


def test_the_same_c_as_that_of_the_softmax_path() -> None:
    """A label and its absence are two classes; both solvers then minimise the same."""
    X, Y = world()
    fold = np.arange(len(X)) % 4
    softmax = fit_path(X, Y[:, 0], 2, GRID, fold, tol=1e-7)
    path = fit_one_vs_rest(X, Y[:, :1], GRID, fold, tol=1e-7)
    assert path.scale == softmax.scale
    difference = softmax.oof_logits[..., 1] - softmax.oof_logits[..., 0]
    np.testing.assert_allclose(path.oof_scores[..., 0], difference, atol=1e-4)
    np.testing.assert_allclose(path.log_loss, softmax.log_loss, atol=1e-6)
    np.testing.assert_allclose(path.coef[:, 0], softmax.coef[:, 1] - softmax.coef[:, 0], atol=1e-4)


def test_c_does_not_depend_on_the_scale_of_features() -> None:
    X, Y = world()
    one, other = (fit_one_vs_rest(factor * X, Y, GRID, np.arange(len(X)) % 3) for factor in (1.0, 1000.0))
    np.testing.assert_allclose(one.oof_scores, other.oof_scores, atol=1e-6)
    np.testing.assert_allclose(one.coef, 1000 * other.coef, atol=1e-6)


def test_labels_of_one_column_change_nothing_in_another() -> None:
    X, Y = world()
    shuffled = Y.copy()
    shuffled[:, 1] = 1 - shuffled[::-1, 1]
    one, other = (fit_one_vs_rest(X, labels, GRID, np.arange(len(X)) % 3, tol=1e-7) for labels in (Y, shuffled))
    np.testing.assert_allclose(one.oof_scores[..., [0, 2, 3]], other.oof_scores[..., [0, 2, 3]], atol=1e-5)


def test_constant_labels_get_their_smoothed_log_odds() -> None:
    X, Y = world(60)
    fold = np.arange(60) % 3
    Y[:, 0], Y[:, 1], Y[:, 2] = 0, 1, fold == 2  # never, always, and only where the third fold holds it out
    path = fit_one_vs_rest(X, Y, GRID, fold)
    assert path.converged.all()
    assert not path.coef[:, :2].any()
    np.testing.assert_allclose(path.intercept[:, 0], np.log(0.5 / 60.5))
    np.testing.assert_allclose(path.intercept[:, 1], np.log(60.5 / 0.5))
    np.testing.assert_allclose(path.oof_scores[:, fold == 2, 2], np.log(0.5 / 40.5))
    np.testing.assert_allclose(path.oof_scores[:, :, 0], np.log(0.5 / 40.5))
    assert np.isfinite(path.log_loss).all()
    assert path.coef[:, 2].any()


def test_all_labels_constant() -> None:
    path = fit_one_vs_rest(np.arange(6.0)[:, None], np.zeros((6, 2), int), GRID, np.arange(6) % 2)
    assert not path.coef.any()
    assert not path.micro_f1.any()
    assert path.converged.all()


def test_examples_of_weight_zero_do_not_make_a_label_vary() -> None:
    X, Y = world(60)
    weight = np.ones(60)
    weight[:6] = 0
    Y[:, 0] = np.arange(60) < 6
    path = fit_one_vs_rest(X, Y, GRID, np.arange(60) % 3, weight)
    np.testing.assert_allclose(path.intercept[:, 0], np.log(0.5 / 54.5))
    without = fit_one_vs_rest(X, Y, GRID, np.arange(60) % 3, np.where(weight > 0, 1, 1e-13))
    np.testing.assert_allclose(path.coef[:, 1:], without.coef[:, 1:], atol=1e-3 * np.abs(path.coef).max())


def test_a_single_fold_holds_nothing_out() -> None:
    """As in the softmax path: scores are those of the models of all examples on what they saw."""
    X, Y = world(60)
    path = fit_one_vs_rest(X, Y, GRID, np.zeros(60, int))
    np.testing.assert_allclose(path.oof_scores[1], X @ path.coef[1].T + path.intercept[1], atol=1e-9)
    assert path.log_loss.shape == path.micro_f1.shape == path.converged.shape == (3, 1)
    assert np.isfinite(path.log_loss).all()


def test_examples_that_are_never_held_out_train_every_model() -> None:
    X, Y = world(90)
    fold = np.where(np.arange(90) < 30, -1, np.arange(90) % 2)
    path = fit_one_vs_rest(X, Y, [1.0], fold, tol=1e-7)
    assert not path.oof_scores[0, :30].any()
    assert path.log_loss.shape == (1, 2)
    Z, seen = (X - X.mean(0)) / path.scale, fold != 0
    expected = reference(Z[seen], Y[seen, 0], 1.0).predict_proba(Z[~seen])[:, 1]
    np.testing.assert_allclose(sigmoid(path.oof_scores[0, ~seen, 0]), expected, atol=1e-5)


def test_separable_labels_end() -> None:
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]] * 3), np.array([0, 0, 1, 1] * 3)
    path = fit_one_vs_rest(X, np.stack([y, 1 - y], axis=1), np.logspace(-2, 6, 9), np.arange(12) % 3)
    assert path.converged.all()
    assert (np.diff(path.coef[:, 0, 0]) > 0).all()
    np.testing.assert_allclose(path.coef[:, 0], -path.coef[:, 1], rtol=1e-3)
    assert (path.micro_f1 == 1).all()


def test_features_that_say_nothing_leave_the_shares() -> None:
    Y = np.stack([np.arange(10) < 7, np.arange(10) < 1], axis=1).astype(int)
    path = fit_one_vs_rest(np.ones((10, 3)), Y, [1.0], np.arange(10) % 2)
    np.testing.assert_allclose(sigmoid(path.intercept[0]), [0.7, 0.1], atol=1e-4)
    assert not path.coef.any()


def test_large_matrices_are_solved_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = world(400, 60, 6)
    fold = np.arange(len(X)) % 3
    exact = fit_one_vs_rest(X, Y, GRID, fold, tol=1e-7)
    monkeypatch.setattr("transferium.functional.path_data.EXACT", 0)
    single = fit_one_vs_rest(X, Y, GRID, fold)
    assert single.oof_scores.dtype == np.float32
    assert single.coef.dtype == np.float64
    assert single.converged.all()
    np.testing.assert_allclose(sigmoid(single.oof_scores), sigmoid(exact.oof_scores), atol=2e-3)
    np.testing.assert_allclose(single.log_loss, exact.log_loss, atol=2e-4)


def test_the_result_does_not_depend_on_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = world(120, 20, 12)
    results = []
    for count in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid, count=count: set(range(count)), raising=False)
        results.append(fit_one_vs_rest(X, Y, [1.0, 10.0], np.arange(len(X)) % 5))
    np.testing.assert_array_equal(*(path.coef for path in results))
    np.testing.assert_array_equal(*(path.oof_scores for path in results))


def test_unfinished_paths_say_so() -> None:
    X, Y = world()
    path = fit_one_vs_rest(X, Y, [1000.0], np.arange(len(X)) % 2, max_iter=1)
    assert not path.converged.any()
    assert (path.iterations == 1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Cs": []}, "Cs must be positive numbers; they were []."),
        ({"Y": np.eye(2, dtype=int)}, "4 rows, 2 labels, 4 folds and 2 weights do not match."),
        (
            {"Y": np.array([0, 1, 0, 1])},
            "labels must be an array (examples, labels) with at least 1 label; it was (4,).",
        ),
        ({"Y": np.array([[0], [2], [1], [1]])}, "labels must be 0 or 1, one column each; some are neither."),
        ({"X": np.array([[0.0], [np.nan], [1.0], [2.0]])}, "1 of 4 feature rows are not finite; the first is row 1."),
        ({"weights": np.array([1.0, -1, 1, 1])}, "sample weights must be finite and not negative."),
        ({"fold": np.array([0, 0, 2, 2])}, "every fold from 0 on must hold examples; of 3, 1 hold none."),
    ],
)
def test_what_cannot_be_solved_is_named(changes: dict, message: str) -> None:
    given = {"X": np.arange(4.0)[:, None], "Y": np.array([[0], [1], [0], [1]]), "Cs": [1.0]}
    given |= {"fold": np.array([0, 0, 1, 1])} | changes
    with pytest.raises((InputError, DataError)) as caught:
        fit_one_vs_rest(**given)
    assert str(caught.value) == message
