"""``tm.embed`` and ``transform``: the features themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import transferium as tm
from transferium.errors import DataError
from worlds.images import RED_GREEN, write_images

TEXTS = ["a good film", "a bad film", "good", "bad", "very good", "very bad"]
LABELS = ["+", "-"] * 3


def test_one_call_gives_the_rows_that_a_model_reads() -> None:
    rows = tm.embed(TEXTS, "char_ngrams", store=False)
    assert rows.dtype == np.float32 and len(rows) == len(TEXTS)
    model = tm.TransferClassifier("ncm", backbone="char_ngrams", store=False).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(model.transform(TEXTS), rows)
    np.testing.assert_array_equal(model.artifact_.head.outputs(rows), model.predict_proba(TEXTS))
    names = model.get_feature_names_out()
    assert len(names) == rows.shape[1] and names[0] == "transferclassifier0"


def test_it_is_a_step_of_a_pipeline() -> None:
    model = make_pipeline(tm.TransferClassifier("ncm", backbone="char_ngrams", store=False), LogisticRegression())
    assert model.fit(TEXTS, LABELS).score(TEXTS, LABELS) == 1.0


def test_folders_are_read_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "photos", RED_GREEN, 2)
    domain = tm.read(folder)
    backbone = "small_cnn"
    rows = tm.embed(folder, backbone, store=False, engine="torch")
    np.testing.assert_array_equal(rows, tm.embed(domain, backbone, store=False, engine="torch"))
    (folder / "red" / "000.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"1 of 4 examples cannot be read; the first is red/000\.png"):
        tm.embed(folder, backbone, store=False, engine="torch")
