"""The one form of label cells: whatever the file or the type, one label is one label."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.doctor.class_balance import check_classes
from transferium.data.read import read
from transferium.errors import DataError, TransferiumWarning
from transferium.problems.catalogue import read_labels
from transferium.problems.classes import Classes
from transferium.problems.label_cells import is_missing, label_name, look_alike
from transferium.problems.multi_label import MultiLabel

DECOMPOSED = unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    "same, name",
    [
        ([0, 0.0, -0.0, "0", "0.0", "0.", "-0", np.int8(0), np.float32(0), Decimal("0.00")], "0"),
        ([7, "7", " 7 ", "+7", "7.000", b"7", "7.0\n"], "7"),
        ([-1, -1.0, "-1", "-1.0"], "-1"),
        ([1e16, "1e+16", 10**16], "10000000000000000"),
        ([2**53 + 1, str(2**53 + 1)], "9007199254740993"),
        ([2.5, np.float64(2.5), "2.5", Decimal("2.50")], "2.5"),
        ([True, np.True_, "True", "true", "TRUE "], "True"),
        ([False, "false"], "False"),
        (["café", DECOMPOSED, "café\u00a0", "café".encode(), np.str_("café")], "café"),
        ([date(2026, 1, 31), datetime(2026, 1, 31), pd.Timestamp("2026-01-31"), np.datetime64("2026-01-31", "ns")],
         "2026-01-31"),
        ([datetime(2026, 1, 31, 8, 30), "2026-01-31 08:30:00"], "2026-01-31 08:30:00"),
    ],
)  # fmt: skip
def test_spellings_of_one_label(same: list[Any], name: str) -> None:
    assert {label_name(cell) for cell in same} == {name}


@pytest.mark.parametrize("apart", ["007", "1.10", "1e5", "0x1", "1_000", "Cat", "yes", "1,0", "9" * 5000, "v1.0"])
def test_what_is_no_plain_number_stays_as_it_is(apart: str) -> None:
    assert label_name(apart) == apart


@pytest.mark.parametrize("odd", [{"a": 1}, object, b"\xff"], ids=["dict", "type", "bytes"])
def test_what_is_no_label_is_refused(odd: Any) -> None:
    if odd is object:
        pytest.importorskip("PIL.Image")
        from PIL import Image

        odd = Image.new("L", (2, 2))
    with pytest.raises(DataError, match="label"):
        read_labels([odd, "a"], "y", "classes")


@pytest.mark.parametrize(
    "cell", [None, float("nan"), "", "  ", pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN"), b""]
)
def test_missing_cells(cell: Any) -> None:
    assert is_missing(cell)
    with pytest.raises(DataError, match=r"1 of 2 labels in y is missing \(row 2,"):
        Classes.read(["a", cell], "y")


@pytest.mark.parametrize("cell", [0, 0.0, False, "nan", "NA", [], np.zeros(2)])
def test_cells_that_hold_something(cell: Any) -> None:
    assert not is_missing(cell)


def test_spellings_that_were_joined_are_said() -> None:
    with pytest.warns(
        TransferiumWarning, match=r"y writes 1 label in several ways, which were joined: '0.0' and '0' are"
    ):
        labels, problem = Classes.read(["0.0", "1", "0"], "y")
    assert (labels.tolist(), problem.names) == ([0, 1, 0], ("0", "1"))
    with pytest.warns(TransferiumWarning, match=r"'café' and 'cafe\\u0301' are 'café'"):
        assert Classes.read(["café", DECOMPOSED], "y")[1].names == ("café",)
    assert Classes.read([0.0, 1.0], "y")[1].names == ("0", "1")  # one spelling each: nothing to say


def test_labels_of_a_cell_have_one_form_too() -> None:
    with pytest.warns(TransferiumWarning, match="y writes 2 labels in several ways"):
        labels, problem = MultiLabel.read([[1.0, "b"], ["1", DECOMPOSED], ["café"]], "y")
    assert (labels.tolist(), problem.names) == ([[1, 1, 0], [1, 0, 1], [0, 0, 1]], ("1", "b", "café"))


def test_models_match_labels_in_any_spelling_and_older_models_too() -> None:
    old = Classes(("0.0", "1.0"))
    assert old.match(np.array([1, 0]), Classes(("0", "1")), "new").tolist() == [1, 0]
    assert Classes(("0.0", "1.0")).joined([Classes(("0", "2"))]).names == ("0", "1", "2")
    several = MultiLabel((DECOMPOSED, "b"))
    assert several.match(np.array([[0, 1]], np.uint8), MultiLabel(("b", "café")), "new").tolist() == [[1, 0]]


@pytest.mark.parametrize(
    "names, alike",
    [
        (["cat", "Cat", "dog"], [("Cat", "cat")]),
        (["hot dog", "hot_dog", "hot-dog", "hotdog"], [("hot dog", "hot-dog", "hot_dog")]),
        (["7", "07", "1.50", "1.5"], [("07", "7"), ("1.5", "1.50")]),
        (["Ａ", "A", "zero\u200bwidth", "zerowidth"], [("A", "Ａ"), ("zerowidth", "zero\u200bwidth")]),
        (["-1", "1", "+", "-", "a", "b", str(2**53), str(2**53 + 1)], []),
    ],
)  # fmt: skip
def test_names_that_look_alike_are_kept_apart_and_found(names: list[str], alike: list[tuple[str, ...]]) -> None:
    assert sorted(map(sorted, look_alike(names))) == sorted(map(sorted, alike))
    assert len(Classes.read(names, "y")[1].names) == len(names)


@pytest.mark.parametrize("label", [["Yes", "yes", "no", "no"], [["Yes", "no"], ["yes"], ["no"], []]])
@pytest.mark.filterwarnings("ignore::transferium.errors.TransferiumWarning")
def test_the_doctor_names_labels_that_look_alike(label: Any) -> None:
    domain = read(list("abcd"), label=label)
    found = [f for f in check_classes(domain, np.ones(4, bool)) if f.kind == "look-alike-labels"]
    assert [f.message for f in found] == [
        "labels that look alike are kept apart: 'Yes' and 'yes'; if they are one class, write it in one way"
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("cells", [[0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0], [False, True, False, True]])
def test_files_and_memory_name_labels_alike(cells: list[Any], ending: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": list("abcd"), "label": cells})
    file = tmp_path / f"d.{ending}"
    write = {"csv": lambda f: frame.to_csv(f, index=False), "parquet": frame.to_parquet}
    write.get(ending, lambda f: frame.to_json(f, orient="records", lines=True))(file)
    expected = ("False", "True") if isinstance(cells[0], bool) else ("0", "1")
    ways = (read(file), read(frame), read(list("abcd"), label=cells), read(list("abcd"), label=frame["label"]))
    assert {domain.classes for domain in ways} == {expected}


def test_parts_that_write_labels_in_two_ways_are_one_set_of_classes(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,0.0\nb,1.0\n")
    (tmp_path / "test.csv").write_text("text,label\nc,0\nd,1\n")
    domain = read(tmp_path)
    assert (domain.classes, domain.y.tolist()) == (("0", "1"), [0, 1, 0, 1])


def test_folders_are_labels_too(tmp_path: Path) -> None:
    from PIL import Image

    for folder in ("café", DECOMPOSED, "1.0"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (2, 2)).save(tmp_path / folder / "a.png")
    with pytest.warns(TransferiumWarning, match="are 'café'"):
        domain = read(tmp_path)
    assert (domain.classes, sorted(domain.y.tolist())) == (("1", "café"), [0, 1, 1])


@pytest.mark.parametrize(
    "feature, cells, classes",
    [
        ({"names": ["ham", "spam"], "_type": "ClassLabel"}, [0, 1, 1], ("ham", "spam")),
        ({"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "List"}, [[0], [0, 1], [1]], ("x", "y")),
        ([{"names": ["x", "y"], "_type": "ClassLabel"}], [[0], [0, 1], [1]], ("x", "y")),
        ({"dtype": "int64", "_type": "Value"}, [0, 1, 1], ("0", "1")),
    ],
)
def test_names_of_classes_in_a_schema(feature: Any, cells: list[Any], classes: tuple[str, ...], tmp_path: Path) -> None:
    import json

    about = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": feature}}}
    table = pa.table({"text": ["a", "b", "c"], "label": cells})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(about)}), tmp_path / "d.parquet")
    problem = read(tmp_path / "d.parquet").posed
    assert problem.names == classes


def test_minus_one_is_no_label_where_a_schema_names_classes(tmp_path: Path) -> None:
    about = b'{"info": {"features": {"label": {"names": ["ham", "spam"], "_type": "ClassLabel"}}}}'
    table = pa.table({"text": ["a", "b"], "label": [-1, -1]}).replace_schema_metadata({"huggingface": about})
    parquet.write_table(table, tmp_path / "d.parquet")
    assert read(tmp_path / "d.parquet").labels is None


@pytest.mark.parametrize("cells", [[[0, 1], [1, 1]], [(1, 0), (1, 0)], [[True, False], [False, False]]])
def test_lists_of_zeros_and_ones_are_an_indicator_matrix(cells: list[Any]) -> None:
    labels, problem = read_labels(cells, "y")
    assert (problem.names, labels.tolist()) == (("0", "1"), [list(map(int, row)) for row in cells])


def test_truth_values_in_text_files_are_those_of_others(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5], "flag": [True, False, True], "label": list("aba")})
    frame.to_csv(tmp_path / "d.csv", index=False)
    frame.to_parquet(tmp_path / "d.parquet")
    (tmp_path / "e.csv").write_text("x,flag,label\n1.5,TRUE,a\n2.5,false,b\n3.5,,a\n")
    (tmp_path / "f.csv").write_text("x,flag,label\n1.5,true,a\n2.5,maybe,b\n")

    def cells(source: object) -> list:
        table = read(tmp_path / source if isinstance(source, str) else source).samples
        return [tuple(table[name].cell(i) for name in ("x", "flag")) for i in range(len(table))]

    same = [cells(source) for source in ("d.csv", "d.parquet", frame)]
    assert same == [[(1.5, "true"), (2.5, "false"), (3.5, "true")]] * 3
    assert cells("e.csv") == [(1.5, "true"), (2.5, "false"), (3.5, None)]
    assert read(tmp_path / "f.csv").samples["flag"].type == "category"
