"""The path solver gives scikit-learn's optimum, for every C, with and without weights, and says when it has not."""

from __future__ import annotations

import os

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import LogisticRegression

from transferium.errors import DataError, InputError
from transferium.functional.lbfgs import Pairs
from transferium.functional.linear_classifier import softmax
from transferium.functional.logistic import fit_path

GRID = (0.01, 1.0, 100.0)


def many_features() -> tuple[np.ndarray, np.ndarray]:
    """Fewer examples than features, most of them noise."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    at = rng.permutation(len(y))[:120]
    return np.hstack([X[at], 5 * rng.normal(size=(120, 200))]), y[at]


def collinear() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    return np.hstack([X, X @ np.random.default_rng(0).normal(size=(4, 3))]), y


def two_classes_wide() -> tuple[np.ndarray, np.ndarray]:
    X, y = many_features()
    return X, (y > 4).astype(np.int64)


WORLDS = {
    "digits": lambda: load_digits(return_X_y=True),
    "cancer": lambda: load_breast_cancer(return_X_y=True),
    "collinear": collinear,
    "n<d": many_features,
    "n<d, two classes": two_classes_wide,
}


def balanced(y: np.ndarray) -> np.ndarray:
    return (len(y) / ((y.max() + 1) * np.bincount(y)))[y]


def reference(X: np.ndarray, y: np.ndarray, C: float, scale: float, weight: np.ndarray | None) -> LogisticRegression:
    model = LogisticRegression(
        C=C, tol=1e-9, max_iter=10_000, solver="newton-cholesky" if X.shape[1] < 100 else "lbfgs"
    )
    return model.fit((X - X.mean(0)) / scale, y, sample_weight=weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "balanced"])
@pytest.mark.parametrize("world", WORLDS)
def test_equals_scikit_learn(world: str, weighted: bool) -> None:
    X, y = WORLDS[world]()
    weight = balanced(y) if weighted else None
    path = fit_path(X, y, int(y.max()) + 1, GRID, np.arange(len(y)) % 3, weight, tol=1e-5)
    assert path.converged.all()
    for c, C in enumerate(GRID):
        theirs = reference(X, y, C, path.scale, weight)
        coef = path.coef[c] * path.scale
        ours = coef[1:] - coef[:1] if len(coef) == 2 else coef
        assert np.linalg.norm(ours - theirs.coef_) < 1e-3 * np.linalg.norm(theirs.coef_)
        mine = softmax(X @ path.coef[c].T + path.intercept[c])
        expected = theirs.predict_proba((X - X.mean(0)) / path.scale)
        np.testing.assert_allclose(mine, expected, atol=2e-4)
        own, other = (-np.log(p[np.arange(len(y)), y]).mean() for p in (mine, expected))
        assert abs(own - other) < 1e-5


def test_c_maps_to_scikit_learns_on_raw_features() -> None:
    X, y = load_iris(return_X_y=True)
    path = fit_path(X, y, 3, [10.0], np.zeros(len(y), int))
    theirs = LogisticRegression(C=10.0 / path.scale**2, tol=1e-8, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(path.coef[0], theirs.coef_, rtol=0, atol=1e-3 * np.abs(theirs.coef_).max())


def test_the_default_tolerance_keeps_its_promise() -> None:
    """A converged W is within 1e-3 of the optimum, because the objective is 1-strongly convex."""
    X, y = load_digits(return_X_y=True)
    folds = np.arange(len(y)) % 3
    loose, tight = (fit_path(X, y, 10, GRID, folds, tol=tol) for tol in (1e-3, 1e-7))
    assert loose.converged.all()
    apart = np.linalg.norm(loose.coef - tight.coef, axis=(1, 2)) / np.linalg.norm(tight.coef, axis=(1, 2))
    assert (apart < 1e-3).all()
    np.testing.assert_allclose(loose.log_loss, tight.log_loss, atol=2e-4)


def test_out_of_fold_logits_come_from_models_that_never_saw_the_example() -> None:
    X, y = load_iris(return_X_y=True)
    folds = np.arange(len(y)) % 4
    path = fit_path(X, y, 3, [1.0, 10.0], folds, tol=1e-6)
    for fold in range(4):
        out = folds == fold
        theirs = reference(X, y, 10.0, path.scale, (~out).astype(float))
        expected = theirs.predict_proba((X[out] - X.mean(0)) / path.scale)
        np.testing.assert_allclose(softmax(path.oof_logits[1][out]), expected, atol=1e-4)
        loss = -np.log(expected[np.arange(out.sum()), y[out]]).mean()
        assert path.log_loss[1, fold] == pytest.approx(loss, abs=1e-4)
        assert path.accuracy[1, fold] == pytest.approx((expected.argmax(1) == y[out]).mean())


def test_labels_of_a_held_out_fold_change_nothing_in_its_logits() -> None:
    X, y = load_iris(return_X_y=True)
    folds = np.arange(len(y)) % 4
    shuffled = np.where(folds == 2, (y + 1) % 3, y)
    own, other = (fit_path(X, labels, 3, [1.0, 10.0], folds, tol=1e-6).oof_logits for labels in (y, shuffled))
    np.testing.assert_allclose(own[:, folds == 2], other[:, folds == 2], atol=1e-4)
    assert np.abs(own[:, folds != 2] - other[:, folds != 2]).max() > 0.1


def test_examples_that_are_never_held_out_train_every_model() -> None:
    X, y = load_iris(return_X_y=True)
    folds = np.where(y == 2, -1, np.arange(len(y)) % 2)
    path = fit_path(X, y, 3, [10.0], folds)
    assert not path.oof_logits[0][y == 2].any()
    assert path.log_loss.shape == (1, 2)
    assert path.accuracy.mean() > 0.9


def test_large_matrices_are_solved_in_single_precision_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_digits(return_X_y=True)
    folds = np.arange(len(y)) % 3
    exact = fit_path(X, y, 10, GRID, folds, tol=1e-7)
    monkeypatch.setattr("transferium.functional.path_data.EXACT", 0)
    monkeypatch.setattr("transferium.functional.lockstep.CHEAP", 0)
    single = fit_path(X, y, 10, GRID, folds)
    assert single.oof_logits.dtype == np.float32
    assert single.converged.all()
    apart = np.linalg.norm(single.coef - exact.coef, axis=(1, 2)) / np.linalg.norm(exact.coef, axis=(1, 2))
    assert (apart < 1e-3).all()
    np.testing.assert_allclose(single.log_loss, exact.log_loss, atol=2e-4)


def test_the_result_does_not_depend_on_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_digits(return_X_y=True)
    results = []
    for count in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid, count=count: set(range(count)), raising=False)
        results.append(fit_path(X, y, 10, [1.0, 10.0], np.arange(len(y)) % 5).coef)
    np.testing.assert_array_equal(*results)


def test_separable_data_end() -> None:
    """No optimum at C = inf, yet every finite C has one, and the path reaches it in bounded time."""
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]] * 3), np.array([0, 0, 1, 1] * 3)
    path = fit_path(X, y, 2, np.logspace(-2, 6, 9), np.arange(12) % 3)
    assert path.converged.all()
    assert (np.diff(path.coef[:, 1, 0]) > 0).all()
    assert (path.accuracy == 1).all()


def test_features_that_say_nothing_leave_the_class_shares() -> None:
    path = fit_path(np.ones((10, 3)), np.array([0] * 7 + [1] * 3), 2, [1.0], np.arange(10) % 2)
    np.testing.assert_allclose(softmax(path.intercept)[0], [0.7, 0.3], atol=1e-4)
    assert not path.coef.any()


def test_unfinished_paths_say_so() -> None:
    X, y = load_digits(return_X_y=True)
    path = fit_path(X, y, 10, [1000.0], np.arange(len(y)) % 2, max_iter=2)
    assert not path.converged.any()
    assert (path.iterations == 2).all()


def test_steps_without_curvature_are_refused() -> None:
    step = np.ones((2, 1, 3))
    change = np.stack([np.ones((1, 3)), -np.ones((1, 3))])
    assert Pairs().add(step, change, change).tolist() == [True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Cs": []}, "Cs must be positive numbers; they were []."),
        ({"Cs": [1.0, 0.0]}, "Cs must be positive numbers; they were [1.0, 0.0]."),
        ({"classes": 1}, "a classifier needs at least 2 classes; there is 1."),
        ({"y": np.array([0, 1])}, "4 rows, 2 labels, 4 folds and 2 weights do not match."),
        ({"X": np.array([[0.0], [np.nan], [1.0], [2.0]])}, "1 of 4 feature rows are not finite; the first is row 1."),
        ({"sample_weight": np.array([1.0, -1, 1, 1])}, "sample weights must be finite and not negative."),
        ({"folds": np.array([0, 0, 2, 2])}, "every fold from 0 on must hold examples; of 3, 1 hold none."),
    ],
)
def test_what_cannot_be_solved_is_named(changes: dict, message: str) -> None:
    given = {"X": np.arange(4.0)[:, None], "y": np.array([0, 1, 0, 1]), "classes": 2, "Cs": [1.0]}
    given |= {"folds": np.array([0, 0, 1, 1])} | changes
    with pytest.raises((InputError, DataError)) as caught:
        fit_path(**given)
    assert str(caught.value) == message
