"""What label cells are taken for where nobody says it, and that every guess is said."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import transferium as tm
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.problems.catalogue import read_labels
from transferium.problems.multi_label import MultiLabel
from worlds.images import RED_GREEN, write_images


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([0.5, 1.25, 3.0], "regression"),
        (["0.5", "1.25", "3"], "regression"),
        ([Decimal("0.5"), Decimal("1.25")], "regression"),
        ([np.float32(0.5), np.float32(1.5)], "regression"),
        ([*range(20)] * 2, "classes"),
        ([0.0, 1.0, 2.0], "classes"),
        ([*range(30)] * 10, "classes"),
        ([True, False], "classes"),
        (["1.5", "two", "2.5"], "classes"),
        (["a", 1.5, 2.5], "classes"),
        (["cat", "dog"], "classes"),
        ([["a"], ["a", "b"]], "multi-label"),
        ([("a",), "b"], "multi-label"),
        ([np.array(["a"]), np.array(["a", "b"])], "multi-label"),
    ],
    ids=str,
)
def test_what_is_plain_is_taken_without_a_word(cells: list[Any], kind: str) -> None:
    assert read_labels(cells, "y")[1].kind == kind


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ([*range(30)], "classes", "the 30 different whole numbers in y are taken as classes: .* problem=.regression."),
        ([*map(str, range(30))], "classes", "the 30 different whole numbers in y are taken as classes"),
        ([0.5, 1.0] * 10, "regression", "the 2 different numbers in y are taken as amounts, .* or problem=.classes."),
        (["a|b", "a", "b", "b|a"], "multi-label", r"such as 'a\|b' in y are taken as several labels joined by '\|'"),
        (["a|b", "c|d"], "classes", r"such as 'a\|b' in y are taken as names of classes: .* problem=.multi-label."),
    ],
    ids=str,
)
def test_what_is_a_guess_is_said(cells: list[Any], kind: str, message: str) -> None:
    with pytest.warns(TransferiumWarning, match=message):
        assert read_labels(cells, "y")[1].kind == kind
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_labels(cells, "y", kind)[1].kind == kind


@pytest.mark.parametrize("cells", [["a|b", "", "b"], ["a|b", " ", "b"], [["a", "b"], [], ["b"]], ["a|b", None, "b"]])
def test_examples_without_a_label_are_said(cells: list[Any]) -> None:
    with pytest.warns(TransferiumWarning, match="1 of 3 cells in y are empty: these examples have none of the labels"):
        labels, _ = read_labels(cells, "y", "multi-label")
    assert labels.tolist() == [[1, 1], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("cells", "asked", "message"),
    [
        (["a||b", "c"], "multi-label", r"an empty label in row 1 .* 'a\|\|b' split at '\|'"),
        (["c", "a|"], "multi-label", "an empty label in row 2"),
        ([["a", None], ["b"]], "multi-label", "an empty label in row 1"),
        (["", None], "multi-label", "y has no label at all"),
        (
            [["a"], ["a", "b"]],
            "classes",
            r"several labels in one cell \(\['a'\]\), and a class is one: say problem='multi-label'",
        ),
        ([1.0, float("nan")], "regression", r"1 of 2 labels in y is missing \(row 2"),
        ([1.0, float("inf")], "regression", "y holds inf in row 2 .* an amount must be finite"),
        (["1", "nan"], "regression", "y holds 'nan' in row 2 .* an amount must be finite"),
        (["1", "two"], "regression", "y holds 'two' in row 2 .* which is no number"),
        ([[1.0], [2.0]], "regression", r"y holds \[1.0\] in row 1 .* which is no number"),
    ],
    ids=str,
)
def test_cells_that_cannot_be_labels_are_named(cells: list[Any], asked: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_labels(cells, "y", asked)


def test_an_unknown_problem_is_met_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"problem='regresion' is unknown\. Did you mean 'regression'"):
        tm.read(["a", "b"], label=[1.0, 2.5], problem="regresion")


ROWS = np.arange(6.0).reshape(3, 2)
ZEROS_AND_ONES = np.array([[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (ZEROS_AND_ONES, ("0", "1")),
        (ZEROS_AND_ONES.astype(bool), ("0", "1")),
        (pd.DataFrame(ZEROS_AND_ONES, columns=["red", "old"]), ("red", "old")),
    ],
    ids=["ints", "bools", "frame"],
)
def test_a_matrix_in_memory_has_a_column_for_each_label(label: Any, names: tuple[str, ...]) -> None:
    domain = tm.read(ROWS, label=label)
    assert domain.problem == MultiLabel(names)
    np.testing.assert_array_equal(domain.y, ZEROS_AND_ONES)


def test_a_matrix_in_a_file_has_a_column_for_each_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=ROWS, y=ZEROS_AND_ONES)
    np.testing.assert_array_equal(tm.read(tmp_path / "t.npz").y, ZEROS_AND_ONES)


def test_a_matrix_of_one_column_is_that_column() -> None:
    assert tm.read(ROWS, label=np.array([[1.5], [2.5], [3.5]])).y.tolist() == [1.5, 2.5, 3.5]


def test_matrices_that_mean_something_else_are_refused() -> None:
    with pytest.raises(DataError, match=r"has 2 columns, which are then one for each label, .* 0 or 1"):
        tm.read(ROWS, label=2 * ZEROS_AND_ONES)
    with pytest.raises(DataError, match="has 2 columns, which are several labels, and problem='regression' was asked"):
        tm.read(ROWS, label=ZEROS_AND_ONES, problem="regression")


AMOUNTS = [0.5, 1.75, 2.0, 10.25]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "npz"])
def test_the_same_amounts_are_amounts_in_every_file(ending: str, tmp_path: Path) -> None:
    path, frame = tmp_path / f"t.{ending}", pd.DataFrame({"a": [1.0, 2, 3, 4], "label": AMOUNTS})
    if ending == "npz":
        np.savez(path, x=frame[["a"]].to_numpy(), y=AMOUNTS)
    elif ending == "parquet":
        frame.to_parquet(path)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="," if ending == "csv" else "\t")
    domain = tm.read(path)
    assert (domain.posed.kind, domain.y.tolist()) == ("regression", AMOUNTS)


def test_lists_of_labels_in_files(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["x", "y"], "label": [["a", "b"], ["b"]]}), tmp_path / "t.parquet")
    lines = [{"text": "x", "label": ["a", "b"]}, {"text": "y", "label": ["b"]}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for name in ("t.parquet", "t.jsonl"):
        domain = tm.read(tmp_path / name)
        assert (domain.posed.names, domain.y.tolist()) == (("a", "b"), [[1, 1], [0, 1]])


def test_another_separator_may_be_given() -> None:
    domain = tm.read(["x", "y"], label=["a;b|c", "b|c"], problem=MultiLabel((), ";"))
    assert (domain.posed.names, domain.posed.cell(domain.y[0])) == (("a", "b|c"), "a;b|c")


def test_folders_of_images_are_classes_and_nothing_else(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "data", RED_GREEN, 2)
    assert tm.read(folder).posed.kind == "classes"
    for asked in ("regression", "multi-label"):
        with pytest.raises(InputError, match=f"whose folders are classes, and {asked} was asked for: write a table"):
            tm.read(folder, problem=asked)
    assert tm.read(folder / "red", problem="regression").labels is None  # nothing there says what they are


def test_parts_whose_labels_look_different_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nx,0.5\ny,1.5\nz,2.5\n")
    (tmp_path / "test.csv").write_text("text,label\nx,small\ny,tall\n")
    with pytest.raises(DataError, match=r"have labels of different kinds \(regression and classes\). Say problem="):
        tm.read(tmp_path)
    assert len(tm.read(tmp_path, problem="classes").classes) == 5


def test_parts_that_look_alike_are_joined(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nx,a|b\ny,b\nz,a\n")
    (tmp_path / "test.csv").write_text("text,label\nx,c\ny,a|c\n")
    domain = tm.read(tmp_path, problem="multi-label")
    assert domain.posed.names == ("a", "b", "c")
    assert domain.part("test").y.tolist() == [[0, 0, 1], [1, 0, 1]]
