"""The scikit-learn face keeps scikit-learn's contract, and more kinds of input than arrays."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import transferium as tm
from transferium.errors import ArtifactError, DataError, InputError, TransferiumWarning
from transferium.methods.frozen.linear_probe import LinearProbe
from worlds.images import RED_GREEN, write_images

SMALL = {"size": 32}


@pytest.mark.filterwarnings("ignore:.*predicts the label alone")  # their blobs are that far apart
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


ROWS = np.random.default_rng(0).normal(size=(80, 2)) + 4 * (np.arange(80) % 2)[:, None]
LABELS = np.arange(80) % 2 + 10


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_evaluate_takes_pairs_and_paths_of_what_fit_took(tmp_path: Path) -> None:
    table = "".join(f"{a},{b},{k}\n" for (a, b), k in zip(ROWS.tolist(), LABELS, strict=True))
    (tmp_path / "t.csv").write_text("a,b,label\n" + table)
    plain = tm.TransferClassifier(store=False).fit(ROWS, LABELS)
    adapted = tm.TransferClassifier("coral", store=False).fit(ROWS + 1, source=(ROWS, LABELS))
    for model in (plain, adapted):
        expected = model.evaluate(tm.read(ROWS, label=LABELS)).as_dict()
        for labels in (LABELS, LABELS.astype(float), LABELS.tolist()):
            assert model.evaluate((ROWS, labels)).as_dict() == expected
        for path in (tmp_path / "t.csv", str(tmp_path / "t.csv")):
            assert model.evaluate(path).as_dict() == expected
            assert model.predict(path).tolist() == model.predict(ROWS).tolist()
        assert model.classes_.tolist() == [10, 11]
        with pytest.raises(InputError, match=r"evaluate takes a Domain, \(X, y\) or the path .*; got int"):
            model.evaluate(3)
        with pytest.raises(InputError, match=r"evaluate takes a Domain, \(X, y\) or the path .*; got list"):
            model.evaluate([tmp_path / "t.csv", tmp_path / "t.csv"])
    assert adapted.evaluate((ROWS, LABELS)).verdict == adapted.evaluate(tm.read(ROWS, label=LABELS)).verdict
    with pytest.raises(DataError, match="has the class '12', which this model was not trained on"):
        plain.evaluate((ROWS, LABELS + 1))


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_cells_of_an_array_may_be_missing_or_wild_in_source_few_and_evaluation() -> None:
    bad = ROWS.copy()
    bad[3, 0], bad[4, 1], bad[5, 0] = np.nan, np.inf, 1e300
    model = tm.TransferClassifier("coral", store=False).fit(ROWS + 1, source=(bad, LABELS))
    assert model.evaluate((bad, LABELS)).examples == 80
    assert np.isfinite(model.fit(ROWS + 1, source=(ROWS, LABELS), few=(bad[:9], LABELS[:9])).predict_proba(ROWS)).all()
    assert np.isfinite(model.predict_proba(np.where(np.isinf(bad), np.nan, bad))).all()


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_features_that_are_not_finite_are_put_aside_in_source_few_and_evaluation() -> None:
    bad = ROWS.copy()
    bad[3, 0], bad[4, 1], bad[5, 0] = np.nan, np.inf, 1e300
    said = "3 examples could not be used: .* 3 .NaN or infinite in 0., 4 .* 5 .too large for single precision in 0."
    fine = np.r_[:3, 6:80]
    source, target = tm.read(bad, label=LABELS, kind="features"), tm.read(ROWS + 1, kind="features")
    model = tm.TransferClassifier("coral", store=False)
    with pytest.warns(TransferiumWarning, match=said):
        model.fit(target, source=source)
    without = tm.TransferClassifier("coral", store=False).fit(target, source=source.take(fine))
    np.testing.assert_array_equal(model.predict_proba(ROWS), without.predict_proba(ROWS))
    with pytest.warns(TransferiumWarning, match="5; they are not among the figures"):
        assert model.evaluate((bad, LABELS)).examples == 77
    with pytest.raises(DataError, match="1 of 80 examples cannot be read; the first is 5: too large for single"):
        model.predict(np.where(np.isfinite(bad), bad, 0))
    with pytest.raises(InputError, match="a sparse matrix"):
        model.fit(csr_array(ROWS), source=(ROWS, LABELS))
