"""Amounts and several labels with scikit-learn's face."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import transferium as tm
from transferium.errors import DataError, InputError
from transferium.methods.frozen.linear_probe import LinearProbe
from worlds.images import RED_GREEN, write_images
from worlds.problems import rows

X, Y = load_diabetes(return_X_y=True)
SEVERAL = rows("multi-label")
ROWS, LABELS = SEVERAL.features, SEVERAL.y.astype(np.int64)


@pytest.mark.filterwarnings("ignore:.*predicts the label alone")  # their blobs are that far apart
@parametrize_with_checks([tm.TransferRegressor(store=False)])
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    check(estimator)


@pytest.mark.parametrize("method", ["probe", "knn"])
def test_a_regressor_is_pickled_cloned_saved_and_loaded(method: str, tmp_path: Path) -> None:
    model = tm.TransferRegressor(method, store=False).fit(X, Y)
    answers = model.predict(X)
    assert answers.shape == (len(X),)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), answers)
    np.testing.assert_array_equal(clone(model).fit(X, Y).predict(X), answers)
    model.save(tmp_path / "saved")
    loaded = tm.load(tmp_path / "saved")
    assert isinstance(loaded, tm.TransferRegressor)
    assert loaded.method == method
    np.testing.assert_array_equal(loaded.predict(X), answers)


def test_a_regressor_is_searched_and_cross_validated() -> None:
    assert cross_val_score(tm.TransferRegressor(store=False), X, Y, cv=3).mean() > 0.4
    search = GridSearchCV(tm.TransferRegressor(LinearProbe(), store=False), {"method__folds": [3, 5]}, cv=2)
    assert search.fit(X, Y).best_params_["method__folds"] in (3, 5)


def test_amounts_in_another_unit_are_answered_in_that_unit() -> None:
    one, other = (tm.TransferRegressor(store=False).fit(X, unit * Y).predict(X) for unit in (1, 1000))
    np.testing.assert_allclose(other, 1000 * one, rtol=1e-6)


def test_columns_of_frames_are_matched_by_name(tmp_path: Path) -> None:
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    model = tm.TransferRegressor(store=False).fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict(frame[["c", "a", "b"]])
    model.save(tmp_path / "saved")
    loaded = tm.load(tmp_path / "saved")
    for asked in (frame, frame[["c", "a", "b"]], tm.read(frame[["b", "c", "a"]])):
        np.testing.assert_array_equal(loaded.predict(asked), model.predict(frame))
    with pytest.raises(DataError, match="the table has no column 'a', which the model reads"):
        loaded.predict(tm.read(frame[["b", "c"]]))


def test_a_regressor_is_evaluated_on_pairs_domains_and_paths(tmp_path: Path) -> None:
    model = tm.TransferRegressor(store=False).fit(X[::2], Y[::2])
    frame = pd.DataFrame(X[1::2]).add_prefix("f").assign(label=Y[1::2] + 0.5)
    frame.to_csv(tmp_path / "t.csv", index=False)
    expected = model.evaluate((X[1::2], Y[1::2] + 0.5)).as_dict()
    assert expected["mae"]["value"] < 60
    assert model.evaluate(tm.read(X[1::2], label=Y[1::2] + 0.5)).as_dict() == expected
    assert model.evaluate(tmp_path / "t.csv").as_dict() == expected
    with pytest.raises(DataError, match=r"solves the problem 'regression', and the labels of 'data' are 2 classes"):
        model.evaluate(tm.read(X[:4], label=["a", "b", "a", "b"]))
    with pytest.raises(InputError, match=r"evaluate takes a Domain, \(X, y\) or the path .*; got int"):
        model.evaluate(3)


def test_amounts_of_pictures_and_texts(tmp_path: Path) -> None:
    files = sorted(write_images(tmp_path, RED_GREEN, 10).glob("*/*.png"))
    red = [200.0 if file.parent.name == "red" else 60.0 for file in files]
    model = tm.TransferRegressor(settings={"size": 32}, store=False).fit([str(file) for file in files], red)
    assert model.score([str(file) for file in files], red) > 0.8
    texts = [f"{word} film, part {i}" for i in range(10) for word in ("a wonderful", "a terrible")]
    stars = tm.TransferRegressor(store=False).fit(texts, [4.5, 1.5] * 10)
    good, bad = stars.predict(["a great movie, I loved it", "awful, I hated it"])
    assert good > bad


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(len(X), 2.0), "a regression needs amounts that differ; 'data' holds the one amount 2.0 alone"),
        (np.where(np.arange(len(X)) == 3, np.nan, Y), r"labels in y is missing \(row 4, counted from 1\)"),
        (np.where(np.arange(len(X)) == 3, np.inf, Y), "Input y contains infinity"),
        (np.array(["tall"] * len(X)), "y holds 'tall' in row 1 .* which is no number"),
        (np.c_[Y, Y], "y should be a 1d array, got an array of shape"),
        (None, "requires y to be passed"),
    ],
)
def test_amounts_that_a_regressor_refuses(y: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tm.TransferRegressor(store=False).fit(X, y)


def test_each_face_names_the_other_for_the_other_labels() -> None:
    with pytest.raises(InputError, match=r"are 2 classes, and a regressor predicts amounts: .* TransferClassifier"):
        tm.TransferRegressor().fit(tm.read(X[:4], label=["a", "b", "a", "b"]))
    with pytest.raises(InputError, match="the labels of 'data' are amounts: use TransferRegressor"):
        tm.TransferClassifier().fit(tm.read(X, label=Y + 0.5))
    with pytest.raises(InputError, match="method 'ncm' solves classes alone"):
        tm.TransferRegressor("ncm").fit(X, Y)
    with pytest.raises(DataError, match="classes alone can be carried from a source to a target"):
        tm.TransferClassifier("coral").fit(X, source=tm.read(X, label=Y + 0.5))


@pytest.mark.parametrize("kind", [int, float, bool, np.uint8])
@pytest.mark.parametrize("method", ["probe", "knn"])
def test_an_indicator_matrix_in_and_out(method: str, kind: type) -> None:
    model = tm.TransferClassifier(method, store=False).fit(ROWS, LABELS.astype(kind))
    predicted, shares = model.predict(ROWS), model.predict_proba(ROWS)
    assert predicted.shape == shares.shape == LABELS.shape
    np.testing.assert_array_equal(predicted, shares >= 0.5)
    assert predicted.dtype.kind == "i"
    assert f1_score(LABELS, predicted, average="micro") > 0.75
    assert model.score(ROWS, LABELS) == (predicted == LABELS).all(axis=1).mean()


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_sparse_indicators_are_those_they_stand_for() -> None:
    model, sparse = tm.TransferClassifier(store=False), csr_array(LABELS)
    np.testing.assert_array_equal(model.fit(ROWS, sparse).predict(ROWS), model.fit(ROWS, LABELS).predict(ROWS))
    assert model.evaluate((ROWS, sparse)).as_dict() == model.evaluate((ROWS, LABELS)).as_dict()


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_several_labels_are_searched_pickled_saved_and_loaded(tmp_path: Path) -> None:
    model = tm.TransferClassifier(store=False).fit(ROWS, LABELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(ROWS), model.predict_proba(ROWS))
    assert cross_val_score(model, ROWS, LABELS, cv=3, scoring="f1_micro").mean() > 0.75
    search = GridSearchCV(tm.TransferClassifier(LinearProbe(), store=False), {"method__folds": [3, 5]}, cv=2)
    assert search.fit(ROWS, LABELS).best_score_ > 0.6
    model.save(tmp_path / "saved")
    loaded = tm.load(tmp_path / "saved")
    assert isinstance(loaded, tm.TransferClassifier)
    np.testing.assert_array_equal(loaded.predict_proba(ROWS), model.predict_proba(ROWS))
    assert loaded.evaluate((ROWS, LABELS)).as_dict() == model.evaluate((ROWS, LABELS)).as_dict()


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_a_model_of_named_labels_is_evaluated_on_what_it_answers() -> None:
    model = tm.TransferClassifier(store=False).fit(SEVERAL)
    assert model.classes_.tolist() == ["left", "up"]
    assert model.evaluate((ROWS, LABELS)).as_dict() == model.evaluate(SEVERAL).as_dict()
    with pytest.raises(DataError, match="has the label '0', which this model was not trained on"):
        model.evaluate((ROWS, np.c_[LABELS, LABELS[:, 0]]))


def test_matrices_that_are_no_indicators_are_refused() -> None:
    with pytest.raises(DataError, match=r"y has 2 columns, .* not all of its cells are 0 or 1"):
        tm.TransferClassifier(store=False).fit(ROWS, LABELS * [2, 3])
    same = np.tile([1, 0], (len(ROWS), 1))
    with pytest.raises(DataError, match=r"has the same labels .* Give examples whose labels differ"):
        tm.TransferClassifier(store=False).fit(ROWS, same)
