"""What estimators take for examples and labels, and in which type labels come back."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import transferium as tm
from transferium.errors import DataError, InputError, TransferiumError, TransferiumWarning

pytestmark = pytest.mark.filterwarnings("ignore:.*were learned from:transferium.errors.TransferiumWarning")
"""Small as they are, these models are evaluated on what they learned from."""
Y = np.arange(40) % 2
X = np.c_[Y * 3 + np.random.default_rng(0).normal(size=40), np.random.default_rng(1).normal(size=40)]
TEXTS = [f"great fun, take {i}" if i % 2 else f"dull and long, take {i}" for i in range(40)]
FRAME = pd.DataFrame({"text": TEXTS, "label": Y, "source": "web"})


def rows() -> tm.TransferClassifier:
    return tm.TransferClassifier("ncm", store=False)


@pytest.fixture(scope="module")
def reader() -> tm.TransferClassifier:
    return tm.TransferClassifier("ncm", backbone="char_ngrams", store=False).fit(FRAME["text"], FRAME["label"])


@pytest.fixture(scope="module")
def seer() -> tm.TransferClassifier:
    return tm.TransferClassifier("ncm", backbone="small_cnn", store=False).fit([picture(i) for i in range(12)], Y[:12])


def picture(i: int) -> Image.Image:
    return Image.fromarray(np.full((24, 32, 3), 200 * (i % 2) + i, np.uint8))


NULLABLE = pd.Series(Y).astype("Int64")
LABELS = {
    "integers": (Y, [0, 1]),
    "a list": (Y.tolist(), [0, 1]),
    "a series": (pd.Series(Y), [0, 1]),
    "nullable integers": (NULLABLE, [0, 1]),
    "Arrow": (pa.array(Y), [0, 1]),
    "floats": (Y.astype(float), [0.0, 1.0]),
    "truth values": (Y.astype(bool), [False, True]),
    "negative": (Y * 2 - 1, [-1, 1]),
    "beyond floats": ([2**53 + int(i) for i in Y], [2**53, 2**53 + 1]),
    "words": (np.array(["b", "a"])[Y], ["a", "b"]),
    "categories": (pd.Series(np.array(["b", "a"])[Y], dtype="category"), ["a", "b"]),
    "bytes": (np.array([b"b", b"a"])[Y], ["a", "b"]),
}


@pytest.mark.parametrize("y, classes", LABELS.values(), ids=list(LABELS))
def test_labels_come_back_as_they_were_given_also_after_loading(y: Any, classes: list[Any], tmp_path: Path) -> None:
    model = rows().fit(X, y)
    model.save(tmp_path / "m")
    for one in (model, tm.load(tmp_path / "m")):
        assert [(type(c), c) for c in one.classes_.tolist()] == [(type(c), c) for c in classes]
        assert set(one.predict(X).tolist()) == set(classes)
        assert one.evaluate((X, y)).as_dict()["accuracy"]["value"] > 0.8


def test_labels_of_several_types_and_decimals_are_classes(tmp_path: Path) -> None:
    mixed = np.array([("x" if i else 3) for i in Y], dtype=object)
    assert rows().fit(X, mixed).classes_.tolist() == [3, "x"]
    model = rows().fit(X, [Decimal(int(i)) for i in Y])
    model.save(tmp_path / "m")
    assert tm.load(tmp_path / "m").classes_.tolist() == ["0", "1"]  # JSON has no decimals


def test_one_label_in_two_spellings_is_one_class() -> None:
    spelled = ["café" if i % 4 == 0 else unicodedata.normalize("NFD", "café") if i % 4 == 2 else "b" for i in range(40)]
    with pytest.warns(TransferiumWarning, match="y writes 1 label in several ways"):
        model = rows().fit(X, spelled)
    assert sorted(unicodedata.normalize("NFC", name) for name in model.classes_) == ["b", "café"]
    assert (
        rows().fit(X, Y).evaluate((X, [str(float(i)) for i in Y])).metrics == rows().fit(X, Y).evaluate((X, Y)).metrics
    )


@pytest.mark.parametrize(
    "y", [[None, *Y[1:]], [float("nan"), *Y[1:]], pd.Series([pd.NA, *Y[1:]]), ["", *map(str, Y[1:])]]
)
def test_a_missing_label_is_named(y: Any) -> None:
    for X_given in (X, TEXTS):
        with pytest.raises(TransferiumError, match=r"1 of 40 labels in y is missing \(row 1, counted from 1\)"):
            rows().fit(X_given, y)
    with pytest.raises(TransferiumError, match=r"1 of 40 labels in y is missing \(row 1"):
        tm.TransferRegressor(store=False).fit(X, y)


@pytest.mark.parametrize(
    "y", [(i for i in Y), dict.fromkeys(range(40), 1), set(range(40))], ids=["generator", "dict", "set"]
)
def test_labels_without_an_order_are_refused(y: Any) -> None:
    with pytest.raises(InputError, match="give a list or an array with one value for each example"):
        rows().fit(X, y)


@pytest.mark.parametrize("y", [[[1, 1], [1, 0]] * 20, [["0", "1"], ["0"]] * 20, pd.Series([["0", "1"], ["0"]] * 20)])
def test_lists_of_zeros_and_ones_are_a_matrix_and_lists_of_names_labels(y: Any) -> None:
    model = tm.TransferClassifier(store=False).fit(X, y)
    assert model.predict(X[:2]).tolist()[0][0] == 1
    assert [str(name) for name in model.classes_] == ["0", "1"]


ASKED = {
    "a data frame": FRAME[:5],
    "an Arrow table": pa.Table.from_pandas(FRAME[:5]),
    "a dictionary of columns": {"text": TEXTS[:5], "id": range(5)},
    "records": [{"text": text} for text in TEXTS[:5]],
    "a series": FRAME["text"][:5],
    "a frame of one column": FRAME[["text"]][:5].rename(columns={"text": "any"}),
    "an array of one column": np.array([[text] for text in TEXTS[:5]]),
    "an Arrow column": pa.array(TEXTS[:5]),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=list(ASKED))
def test_a_model_of_texts_answers_rows_and_not_columns(asked: Any, reader: tm.TransferClassifier) -> None:
    assert reader.predict(asked).tolist() == reader.predict(TEXTS[:5]).tolist()


def test_frames_are_fitted_and_evaluated(reader: tm.TransferClassifier) -> None:
    model = tm.TransferClassifier("ncm", backbone="char_ngrams", store=False)
    for given in (FRAME[["text"]], {"text": TEXTS}, pa.table({"text": TEXTS})):
        assert model.fit(given, FRAME["label"]).predict(TEXTS).tolist() == reader.predict(TEXTS).tolist()
    assert (
        model.fit(tm.read(FRAME, text="text", label="label")).predict(FRAME).astype(int).tolist()
        == reader.predict(FRAME).tolist()
    )
    assert reader.evaluate((FRAME, FRAME["label"])).metrics == reader.evaluate(tm.read(FRAME)).metrics
    with pytest.raises(InputError, match=r"got DataFrame. Give tm.read\(frame, label='label'\)"):
        reader.evaluate(FRAME)


def test_tables_of_numbers_may_be_any_table() -> None:
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = rows().fit(frame, Y)
    expected = model.predict(frame).tolist()
    for asked in (frame.to_dict("list"), frame.to_dict("records"), pa.Table.from_pandas(frame[["b", "a"]])):
        assert model.predict(asked).tolist() == expected
    assert rows().fit(pa.Table.from_pandas(frame), pa.array(Y)).predict(frame).tolist() == expected
    words = frame.assign(c=np.where(np.arange(len(frame)) % 3, "u", "v"))
    mixed = rows().fit(words, Y)
    assert "c" in {code.name for code in mixed.artifact_.backbone.preprocess.codes}
    with pytest.raises(DataError, match="the table has no column 'c', which the model reads"):
        mixed.predict(frame)


def test_one_text_and_one_picture_are_met_with_what_to_write(reader: Any, seer: Any) -> None:
    for one in ("great fun", "great " * 2000):
        with pytest.raises(
            InputError,
            match=r"is one text or a path that is not there: give the path of a file, or a list of",
        ):
            reader.predict(one)
    for one in (picture(0), b"\x89PNG", np.asarray(picture(0))):
        with pytest.raises(InputError, match=r"give \[(example|image)\]"):
            seer.predict(one)
    with pytest.raises(InputError, match="give list"):
        seer.predict(iter([picture(0)]))
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="colours first"):
        seer.predict(torch.zeros(2, 3, 24, 32))
    with pytest.raises(InputError, match=r"tm.read\(\[x for x, y in data\]"):
        rows().fit(torch.utils.data.TensorDataset(torch.zeros(3, 2)))


def test_pictures_may_be_in_any_sequence(seer: tm.TransferClassifier) -> None:
    pictures = [picture(i) for i in range(4)]
    stacked = np.stack([np.asarray(one) for one in pictures])
    for asked in (
        tuple(pictures),
        pd.Series(pictures),
        {"image": pictures},
        pd.DataFrame({"photo": pictures}),
        stacked,
    ):
        assert seer.predict(asked).tolist() == seer.predict(pictures).tolist()


def test_a_path_is_fitted_with_the_labels_it_has(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "d.csv", index=False)
    model = tm.TransferClassifier("ncm", backbone="char_ngrams", store=False).fit(tmp_path / "d.csv")
    assert model.classes_.tolist() == ["0", "1"]
    with pytest.raises(InputError, match="brings its own labels"):
        model.fit(tmp_path / "d.csv", Y)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_some_library_does_not_take(seed: int) -> None:
    with pytest.raises(InputError, match=f"random_state must be from 0 to 4294967295; it was {seed}"):
        tm.TransferClassifier("ncm", store=False, random_state=seed).fit(X, Y)


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(InputError, match="the path is empty"):
        tm.read("")
