"""Lists, arrays and NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from scipy.sparse import csr_array, csr_matrix

from transferium.data.images.decode import decode
from transferium.data.read import read
from transferium.errors import DataError, InputError

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "source, kind",
    [
        (["a.jpg", "b/c.PNG"], "image"),
        ([Path("a.jpg"), Path("anything")], "image"),
        (["a.jpg", "and a sentence"], "text"),
        (("so", "it", "is"), "text"),
        (np.array(["so", "it", "is"]), "text"),
        (np.array(["so", "it", "is"], dtype=object), "text"),
        ([b"\x89PNG", b""], "image"),
        ([Image.new("L", (2, 2)), Image.new("RGB", (3, 2))], "image"),
        ([PICTURE, np.zeros((9, 7), np.uint8)], "image"),
        (np.zeros((3, 8, 8), np.uint8), "image"),
        ([[[1, 2], [3, 4]]], "image"),
        (np.zeros((3, 8, 8, 3), np.uint8), "image"),
        ([[1, 2], [3, 4]], "row"),
        ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], "row"),
        (np.zeros((3, 5), np.float32), "row"),
    ],
)
def test_kinds_are_told_apart(source: Any, kind: str) -> None:
    domain = read(source)
    assert (domain.kind, len(domain), domain.labels) == (kind, len(source), None)


def test_kind_decides_where_names_could_be_texts() -> None:
    assert read(["a.jpg", "b.jpg"], kind="text").kind == "text"
    assert read(["picture one", "picture two"], kind="image").kind == "image"


def test_paths_are_read_when_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "小 🐶.png")
    domain = read([tmp_path / "小 🐶.png"])
    assert decode(domain.samples.raw(0)).size == (3, 2)
    assert domain.ids[0] == str(tmp_path / "小 🐶.png")


def test_labels_parts_groups_and_ids_are_the_values() -> None:
    domain = read(
        ["a", "b", "c"], label=np.array([10, 9, 10]), part=["train", "dev", "test"], group=["x", "y", "x"], id=[7, 8, 9]
    )
    assert (domain.classes, domain.y.tolist()) == (("9", "10"), [1, 0, 1])
    assert domain.parts is not None
    assert domain.groups is not None
    assert (domain.parts.tolist(), domain.groups.tolist()) == (["train", "val", "test"], [0, 1, 0])
    assert list(domain.ids) == ["7", "8", "9"]


@pytest.mark.parametrize(
    "labels, classes",
    [
        ([True, False], ("False", "True")),
        ([1.0, 0.0], ("0", "1")),
        ([0.5, 1.0], ("0.5", "1")),
        (["10", "9"], ("9", "10")),
        (["b", "B"], ("B", "b")),
        ([-1, 1], ("-1", "1")),
        (["007", "7"], ("007", "7")),
    ],
)
def test_class_names_and_their_order(labels: list[Any], classes: tuple[str, ...]) -> None:
    assert read(["x", "y"], label=labels, problem="classes").classes == classes


def test_float32_stays_and_integers_become_floats() -> None:
    assert read(np.zeros((2, 2), np.float32), kind="features").features.dtype == np.float32
    assert read(np.zeros((2, 2), np.int16), kind="features").features.dtype == np.float64


@pytest.mark.parametrize("frame", [pa.table, pd.DataFrame])
def test_a_data_frame_brings_the_names_of_its_columns(frame: Any) -> None:
    given = frame({"b": [1, 2], "a": [3.5, 4.5]})
    domain = read(given, label=["x", "y"])
    assert (domain.feature_names, domain.features.tolist()) == (("b", "a"), [[1, 3.5], [2, 4.5]])
    chosen = read(given, columns=["a"])
    assert (chosen.feature_names, chosen.features.tolist()) == (("a",), [[3.5], [4.5]])
    with pytest.raises(
        DataError, match=r"'data' has no column 'c' \(asked for as columns\); it has the columns 'b', 'a'"
    ):
        read(given, columns=["c"])


def test_columns_that_are_only_counted_have_no_names() -> None:
    assert read(pd.DataFrame(np.eye(2))).feature_names is None
    assert read(np.eye(2), columns=["a", "b"]).feature_names == ("a", "b")


def test_missing_groups_stand_alone() -> None:
    groups = read(["a", "b", "c", "d"], group=[None, "x", None, float("nan")]).groups
    assert groups is not None
    assert len(set(groups.tolist())) == 4


def test_a_domain_passes_through() -> None:
    domain = read(["a", "b"])
    assert read(domain) is domain


@pytest.mark.parametrize(
    "source, options, error, message",
    [
        ([], {}, DataError, "'data' holds no examples: give at least one"),
        (np.zeros((0, 3)), {}, DataError, "holds no examples"),
        (5, {}, InputError, "int cannot be read: give a path, a list or an array"),
        ({"a": 1}, {}, InputError, "dict cannot be read"),
        (csr_matrix(np.eye(3)), {}, InputError, r"sparse matrix \(3 x 3\) cannot be read: make it dense with .toarray"),
        (csr_array(np.eye(3)), {}, InputError, r"sparse matrix \(3 x 3\) cannot be read: make it dense with .toarray"),
        (np.zeros(3), {}, InputError, r"float64 values of shape \(3\) are no data set: give rows"),
        ([[1, 2], [3]], {}, InputError, "a list that starts with list is no table of numbers: its rows are not alike"),
        (
            [b"x", None],
            {},
            InputError,
            "the list starts with images, but item 1 is NoneType: give bytes, Pillow",
        ),
        ([None, b"x"], {}, InputError, "the list starts with images, but item 0 is NoneType"),
        (["a", 5], {}, InputError, "starts with texts or paths, but item 1 is int: do not mix"),
        (["a", "b"], {"label": [1]}, InputError, "label= has 1 values for 2 examples: give one for each"),
        (["a", "b"], {"label": [1, None]}, DataError, r"1 of 2 labels in label= of 'data' is missing \(row 2,"),
        (["a", "b"], {"label": "y"}, InputError, "label='y' names a column"),
        (["a", "b"], {"text": "t"}, InputError, "text= names a column of a table; for data in memory say kind='text'"),
        (["a", "b"], {"part": ["train", "exam"]}, DataError, "part= says 'exam', which is no part of a data set"),
        (["a", "b"], {"kind": "txet"}, InputError, r"kind='txet' is unknown. Did you mean 'text'\?"),
        (
            ["a", "b"],
            {"kind": "features"},
            InputError,
            "kind='features' was asked for, but these are examples of kind 'text'",
        ),
        (np.zeros((2, 3)), {"columns": ["a"]}, InputError, "columns= names 1 columns, and there are 3"),
        (np.zeros((2, 0)), {"columns": ["a"]}, InputError, "columns= names 1 columns, and there are 0"),
    ],
)
def test_what_cannot_be_read(source: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(source, **options)


def test_values_are_no_column_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na,b\n")
    with pytest.raises(
        InputError, match="label= names a column here, but list was given: values belong to data in memory"
    ):
        read(tmp_path / "t.csv", label=["b"])


def test_npz_with_x_and_y(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=np.eye(3), y=np.array([["b"], ["a"], ["b"]]))
    domain = read(tmp_path / "d.npz")
    assert (domain.name, domain.kind, domain.classes, domain.y.tolist()) == ("d", "row", ("a", "b"), [1, 0, 1])


@pytest.mark.parametrize("style", ["x_{}", "{}_images"])
def test_npz_with_parts(tmp_path: Path, style: str) -> None:
    label = "y_{}" if style.startswith("x") else "{}_labels"
    arrays = {}
    for part, n in {"train": 3, "val": 1, "test": 2}.items():
        arrays |= {style.format(part): np.zeros((n, 4, 4), np.uint8), label.format(part): np.arange(n)}
    np.savez(tmp_path / "d.npz", **arrays)
    domain = read(tmp_path / "d.npz")
    assert domain.parts is not None
    assert (domain.kind, domain.parts.tolist()) == ("image", ["train"] * 3 + ["val"] + ["test"] * 2)
    assert domain.y.tolist() == [0, 1, 2, 0, 0, 1]
    assert domain.ids[3] == "val/0"


def test_npz_with_named_arrays_and_npy(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", emb=np.eye(3), cls=[1, 2, 1], other=np.zeros(5))
    domain = read(tmp_path / "d.npz", columns="emb", label="cls")
    assert domain.classes == ("1", "2")
    with pytest.raises(DataError, match="holds the arrays emb, cls, other: call one of them x, or x_train and x_test"):
        read(tmp_path / "d.npz")
    with pytest.raises(DataError, match=r"has no array 'clas'. Did you mean 'cls'\?"):
        read(tmp_path / "d.npz", columns="emb", label="clas")
    np.save(tmp_path / "e.npy", np.eye(2))
    assert read(tmp_path / "e.npy").labels is None


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "d.npz", x=np.array([Trap()], dtype=object))
    with pytest.raises(DataError, match=r"Object arrays cannot be loaded .* Pickled objects are never loaded"):
        read(tmp_path / "d.npz")
    assert not (tmp_path / "sprung").exists()
