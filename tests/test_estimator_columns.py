"""Columns of data frames in Python: matched by name where two frames meet, refused where they differ."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import transferium as tm
from transferium.errors import DataError

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 300)
HOME = np.c_[Y * 6 + RNG.normal(size=300), RNG.normal(size=300)]
AWAY = np.c_[Y * 6 + RNG.normal(size=300) + 1, RNG.normal(size=300)]


ROUNDING = 1e-9
"""Names are part of a row's hash, and a target is read in the order of hashes: sums differ in their last bits."""


def frame(values: np.ndarray, order: str = "ab", names: str = "ab") -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(names))[list(order)]


def adapted(target: Any, source: Any, **given: Any) -> tm.TransferClassifier:
    return tm.TransferClassifier("standardise", store=False).fit(target, source=source, **given)


def accuracy(model: tm.TransferClassifier, X: Any) -> float:
    return float((model.predict(X) == Y).mean())


def test_a_permuted_target_is_matched_by_name_and_may_be_asked_in_any_order(tmp_path: Path) -> None:
    model = adapted(frame(AWAY, "ba"), (frame(HOME), Y))
    assert model.feature_names_in_.tolist() == ["b", "a"]
    known = model.predict_proba(frame(AWAY))
    np.testing.assert_allclose(known, adapted(AWAY, (HOME, Y)).predict_proba(AWAY), rtol=ROUNDING)
    model.save(tmp_path / "saved")
    for one in (model, tm.load(tmp_path / "saved")):
        for asked in (frame(AWAY, "ab"), frame(AWAY, "ba"), tm.read(frame(AWAY, "ba"))):
            np.testing.assert_array_equal(one.predict_proba(asked), known)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        np.testing.assert_array_equal(model.predict_proba(AWAY[:, ::-1]), known)  # as fit was given it
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        model.predict(frame(AWAY, "ca", "ac"))


def test_a_frame_with_more_or_fewer_columns_goes_by_name_too(tmp_path: Path) -> None:
    adapted(frame(AWAY), (frame(HOME), Y)).save(tmp_path / "saved")
    model, more = tm.load(tmp_path / "saved"), frame(AWAY).assign(c=1.0)
    assert (model.predict(tm.read(more)) == model.predict(tm.read(frame(AWAY)))).all()
    with pytest.raises(DataError, match="the table has no column 'a', which the model reads"):
        model.predict(tm.read(more[["b"]]))


def test_a_column_may_be_called_as_an_attribute_of_tables_is() -> None:
    odd = pd.DataFrame({"column_names": [1.0, 2.0], "b": [3.0, 4.0]})
    assert tm.read(odd).feature_names == ("column_names", "b")
    assert tm.read(pa.table({"x": [1.0, 2.0], "z": [3.0, 4.0]})).feature_names == ("x", "z")


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_sources_few_and_evaluation_follow_the_first_source() -> None:
    sources = [(frame(HOME), Y), (frame(AWAY, "ba"), Y)]
    model = adapted(frame(AWAY, "ba"), sources, few=(frame(AWAY[:9], "ba"), Y[:9]))
    plain = adapted(AWAY, [(HOME, Y), (AWAY, Y)], few=(AWAY[:9], Y[:9]))
    np.testing.assert_allclose(model.predict_proba(frame(AWAY)), plain.predict_proba(AWAY), rtol=ROUNDING)
    for order in ("ab", "ba"):
        figures = model.evaluate(tm.read(frame(AWAY, order), label=Y)).as_dict()
        known = plain.evaluate(tm.read(AWAY, label=Y)).as_dict()
        assert figures["accuracy"] == known["accuracy"] and figures["verdict"] == known["verdict"]
        assert figures["log_loss"]["value"] == pytest.approx(known["log_loss"]["value"])


def test_a_model_in_the_place_of_a_source_is_matched_by_name() -> None:
    model = tm.TransferClassifier(store=False).fit(frame(HOME), Y)
    away = tm.TransferClassifier("shot", settings={"rounds": 2}, store=False).fit(frame(AWAY, "ba"), source=model)
    assert accuracy(away, frame(AWAY)) == accuracy(away, frame(AWAY, "ba")) > 0.95


def test_an_array_takes_the_names_of_the_frame_beside_it() -> None:
    for target, source in ((frame(AWAY), (HOME, Y)), (AWAY, (frame(HOME), Y))):
        model = adapted(target, source)
        assert accuracy(model, frame(AWAY)) == accuracy(model, frame(AWAY, "ba")) > 0.95
    assert not hasattr(model, "feature_names_in_")


def test_columns_that_not_all_frames_have_are_said_and_left_out() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = adapted(frame(AWAY, "ca", "ac"), (frame(HOME), Y))
    left = sorted(str(w.message) for w in caught if "is not used" in str(w.message))
    assert len(left) == 2 and left[0].endswith("'b'") and left[1].endswith("'c'")
    assert [code.name for code in model.artifact_.backbone.preprocess.codes] == ["a"]
    with pytest.raises(DataError, match="have no column in common"):
        adapted(frame(AWAY, "cd", "cd"), (frame(HOME), Y))


def test_one_frame_alone_keeps_scikit_learns_rule(tmp_path: Path) -> None:
    model = tm.TransferClassifier(store=False).fit(frame(HOME), Y)
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        model.predict(frame(HOME, "ba"))
    np.testing.assert_array_equal(model.predict_proba(tm.read(frame(HOME, "ba"))), model.predict_proba(frame(HOME)))
    model.save(tmp_path / "saved")
    loaded = tm.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict_proba(frame(HOME, "ba")), model.predict_proba(frame(HOME)))
    with pytest.raises(DataError, match=r"the table has no column 'b', which the model reads. It has 'c', 'a'"):
        loaded.predict(frame(HOME, "ca", "ac"))


def test_an_earlier_fit_leaves_no_columns() -> None:
    model = tm.TransferClassifier(store=False).fit(frame(HOME), Y)
    model.fit(tm.read(HOME[:, :1], label=Y))
    assert not hasattr(model, "feature_names_in_")
    assert (model.predict(HOME[:, :1]).astype(int) == Y).mean() > 0.95
