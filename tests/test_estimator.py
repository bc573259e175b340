"""The scikit-learn face keeps scikit-learn's contract, and more kinds of input than arrays."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import transferium as tm
from small_images import RED_GREEN, write_images
from transferium.errors import ArtifactError, DataError, InputError, TransferiumWarning
from transferium.methods.probe import LinearProbe

SMALL = {"size": 32}


@parametrize_with_checks([tm.TransferClassifier()])
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    check(estimator)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data", RED_GREEN, 12)


def paths_and_labels(folder: Path) -> tuple[list[str], list[str]]:
    files = sorted(folder.glob("*/*.png"))
    return [str(f) for f in files], [f.parent.name for f in files]


def test_a_domain_from_a_folder(folder: Path, tmp_path: Path) -> None:
    model = tm.TransferClassifier(settings=SMALL).fit(tm.read(folder))
    paths, labels = paths_and_labels(folder)
    assert (model.predict(paths) == labels).mean() > 0.9
    result = model.evaluate(tm.read(write_images(tmp_path / "fresh", RED_GREEN, 5, seed=5)))
    assert result.as_dict()["accuracy"]["value"] > 0.8


def test_paths_pictures_and_arrays_give_the_same_answers(folder: Path) -> None:
    paths, labels = paths_and_labels(folder)
    model = tm.TransferClassifier(settings=SMALL).fit(paths, labels)
    from_paths = model.predict_proba(paths)
    pictures = [Image.open(p).convert("RGB") for p in paths]
    arrays = np.stack([np.asarray(p) for p in pictures])
    np.testing.assert_array_equal(from_paths, model.predict_proba(pictures))
    np.testing.assert_array_equal(from_paths, model.predict_proba(arrays))
    assert model.score(paths, labels) > 0.9


def test_texts() -> None:
    good = [f"a wonderful film, I loved part {i}" for i in range(10)]
    bad = [f"a terrible film, I hated part {i}" for i in range(10)]
    model = tm.TransferClassifier().fit(good + bad, ["good"] * 10 + ["bad"] * 10)
    assert list(model.predict(["what a great movie, loved it", "awful, I hated it"])) == ["good", "bad"]


def test_saved_and_loaded_predictions_are_the_same_bits(folder: Path, tmp_path: Path) -> None:
    paths, labels = paths_and_labels(folder)
    model = tm.TransferClassifier(settings=SMALL, store=False).fit(paths, labels)
    model.save(tmp_path / "saved")
    loaded = tm.load(tmp_path / "saved")
    np.testing.assert_array_equal(model.predict_proba(paths), loaded.predict_proba(paths))
    np.testing.assert_array_equal(model.predict_proba(paths)[3:4], loaded.predict_proba(paths[3:4]))
    assert not any(f.suffix in (".pkl", ".pt", ".pth", ".bin") for f in (tmp_path / "saved").iterdir())


def test_pickle_clone_and_searches() -> None:
    X, y = load_iris(return_X_y=True)
    model = tm.TransferClassifier(method=LinearProbe(folds=3)).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    copy = clone(model)
    assert copy.method is not model.method
    assert copy.method.get_params() == model.method.get_params()
    assert cross_val_score(tm.TransferClassifier(), X, y, cv=3).mean() > 0.93
    search = GridSearchCV(tm.TransferClassifier(method=LinearProbe()), {"method__folds": [3, 5]}, cv=3).fit(X, y)
    assert search.best_params_["method__folds"] in (3, 5)


def test_integer_labels_come_back_as_integers() -> None:
    X, y = load_iris(return_X_y=True)
    predicted = tm.TransferClassifier().fit(X, y + 10).predict(X)
    assert predicted.dtype.kind == "i"
    assert set(predicted) == {10, 11, 12}


def test_unreadable_examples_are_said_at_fit_and_refused_at_predict(folder: Path) -> None:
    (folder / "red" / "broken.png").write_bytes(b"")
    paths, labels = paths_and_labels(folder)
    with pytest.warns(TransferiumWarning, match="1 examples could not be used"):
        model = tm.TransferClassifier(settings=SMALL).fit(paths, labels)
    with pytest.raises(DataError, match=r"1 of 25 examples cannot be read; the first is .*broken\.png"):
        model.predict(paths)


def test_labels_given_twice_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="a Domain brings its own labels"):
        tm.TransferClassifier().fit(tm.read(folder), [0] * 24)


def test_texts_for_a_model_of_images_are_refused(folder: Path) -> None:
    model = tm.TransferClassifier(settings=SMALL).fit(tm.read(folder))
    with pytest.raises(ArtifactError, match="this model reads image examples"):
        model.predict(["just some words"])
