"""Tables as spreadsheets and other people write them, and paths that lead elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transferium.data.columns.written_numbers import written_numbers
from transferium.data.doctor.left_out import left_out
from transferium.data.read import read
from transferium.errors import DataError
from worlds.folders import pictures, plant


@pytest.mark.parametrize(
    "cells, numbers, how",
    [
        (["1,23", "-4,5"], [1.23, -4.5], "decimal commas"),
        (["1.234.567,8", "4"], [1234567.8, 4], "decimal commas and '.' between thousands"),
        (["1,234,000", "1,037"], [1234000, 1037], "',' between thousands"),
        (["1 234,5", "7"], [1234.5, 7], "decimal commas and ' ' between thousands"),
        (["1’234.5", "7"], [1234.5, 7], '"\'" between thousands'),
        (["5%", "7.25 %"], [0.05, 0.0725], "percent signs"),
        (["−1", "2"], [-1, 2], ""),
    ],
)
def test_numbers_of_other_places(cells: list[str], numbers: list[float], how: str) -> None:
    found, said = written_numbers([*cells, None])
    assert found is not None
    np.testing.assert_allclose(found, [*numbers, np.nan])
    assert said == how


@pytest.mark.parametrize("cells", [["12.03.2024"], ["1.2.3"], ["a"], ["1,2,3"], ["$5"], [], [""]])
def test_what_is_no_number(cells: list[str]) -> None:
    assert written_numbers(cells) == (None, "")


def test_numbers_that_may_be_two_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('price,label\n"1,000",a\n"1,037",b\n')
    with pytest.raises(DataError, match="no column to learn from: 'price' \\('1,000' may be 1000 or 1"):
        read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text('price,n,label\n"1,000",5,a\n"1,037",6,b\n')
    domain = read(tmp_path / "t.csv")
    assert [finding.message for finding in left_out(domain)] == [
        "1 of 2 columns is left out, '1,000' may be 1000 or 1: write it without the sign between: 'price'"
    ]
    assert written_numbers(["5%", "0.2"])[0] is None


def test_how_numbers_are_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("len;label\n1,23;a\n4,5;b\n")
    domain = read(tmp_path / "t.csv")
    assert domain.features.tolist() == [[1.23], [4.5]]
    assert domain.layout.endswith("holds 2 rows of numbers, len with decimal commas, labels in column 'label'")


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "\ufeffSEP=;\n"])
def test_what_excel_writes_above_the_names(tmp_path: Path, first: str) -> None:
    (tmp_path / "t.csv").write_text(f"{first}text;label\nhi, you;a\nyo;b\n", encoding="utf-8")
    domain = read(tmp_path / "t.csv")
    assert [domain.samples.raw(i) for i in (0, 1)] == ["hi, you", "yo"]
    assert domain.classes == ("a", "b")


def test_a_word_above_numbers_is_a_name_though_another_name_is_a_level_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,c,y\n0.5,c,no\n1.5,c,yes\n2.5,a,y\n3.5,b,y\n")
    found = read(tmp_path / "t.csv", label="y")
    assert found.feature_names == ("x", "c") and found.classes == ("no", "y", "yes")


@pytest.mark.parametrize(
    "text",
    [
        "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n",
        "39,77516,13,<=50K\n50,83311,13,<=50K\n",
        "great fun,1\nbad,0\ngood,1\nfine,1\n",
        "a/1.png,cat\na/2.png,dog\n",
        "1,1,0\n0,1,1\n",
    ],
)
def test_a_table_without_names_of_columns(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match="has no line with names of columns: its first line is"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "names", ["0,1,2,label", "label,1,2,3", "country,2019,2020,label", "400.5,401.0,401.5,label", "nan,inf,a,label"]
)
def test_numbers_that_rise_are_names(tmp_path: Path, names: str) -> None:
    (tmp_path / "t.csv").write_text(f"{names}\n1,2,2,1\n1,2,1,2\n1,2,2,1\n")
    assert len(read(tmp_path / "t.csv")) == 3


def test_an_empty_line_of_one_column_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\nhello\n\nbye\n")
    domain = read(tmp_path / "t.csv")
    assert [domain.samples.raw(i) for i in range(3)] == ["hello", "", "bye"]


FILES = ("train/1.png", "train/2.png", "test/1.png")


@pytest.mark.parametrize(
    "name, cells",
    [
        ("train.csv", ("1.png", "2.png")),
        ("labels.csv", ("1", "2")),
        ("labels.csv", ("train\\1.png", "train\\2.png")),
        ("labels.csv", ("C:\\pics\\train\\1.png", "C:\\pics\\train\\2.png")),
        ("labels.csv", ("/home/me/train/1.png", "/home/me/train/2.png")),
        ("labels.csv", ("TRAIN/1.PNG", "TRAIN/2.PNG")),
    ],
)
def test_pictures_are_found_where_they_are(tmp_path: Path, name: str, cells: tuple[str, str]) -> None:
    plant(tmp_path, *FILES)
    (tmp_path / name).write_text(f"picture,label\n{cells[0]},a\n{cells[1]},b\n")
    domain = read(tmp_path / name, image="picture")
    assert [domain.samples.raw(i) for i in (0, 1)] == [(tmp_path / FILES[i]).read_bytes() for i in (0, 1)]
    assert list(domain.ids) == list(cells)
    assert "(found in " in domain.layout


def test_pictures_that_are_in_two_folders_are_asked(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", ("a", "b")))
    (tmp_path / "t.csv").write_text("image,label\n0.png,x\n1.png,y\n")
    with pytest.raises(DataError, match=r"2 of 2 files .* are not there; the first, 0.png, is in a/, b/"):
        read(tmp_path / "t.csv")


def test_pictures_that_are_nowhere(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,label\n0.png,x\n1.png,y\n")
    assert "(not one of these files is there; the first: 0.png)" in read(tmp_path / "t.csv").layout
    (tmp_path / "t.csv").write_text("image,label\nhttps://e.org/0.png,x\nhttps://e.org/1.png,y\n")
    with pytest.raises(DataError, match="cannot be read: they are web addresses"):
        read(tmp_path / "t.csv")
