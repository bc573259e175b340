"""CSV, TSV, Parquet and JSONL tables."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from transferium.data.columns.table import Table
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.images.decode import decode
from transferium.data.read import read
from transferium.data.readers.parquet import RowGroups
from transferium.data.samples import Files
from transferium.errors import DataError, InputError

ROWS: dict[str, list[Any]] = {
    "text": ["good\nfilm", "bad, very", "求求", "so “so”"],
    "label": ["pos", "neg", "pos", "neg"],
}


def png(colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write(file: Path, columns: dict[str, list[Any]]) -> Path:
    """The same table in the format of the file's name."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if file.suffix == ".parquet":
        parquet.write_table(pa.table(columns), file)
    elif file.suffix == ".jsonl":
        file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    else:
        mark = "\t" if file.suffix == ".tsv" else ","
        quoted = [
            [f'"{v}"' if isinstance(v, str) else "" if v is None else str(v) for v in row.values()] for row in rows
        ]
        file.write_text("\n".join(mark.join(line) for line in [list(columns), *quoted]), encoding="utf-8")
    return file


@pytest.fixture(params=[".csv", ".tsv", ".parquet", ".jsonl"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def texts(domain: Domain) -> list[str]:
    return [domain.samples.raw(i) for i in range(len(domain))]


def test_texts_and_labels(tmp_path: Path, suffix: str) -> None:
    domain = read(write(tmp_path / f"films{suffix}", ROWS))
    assert (domain.name, domain.kind, domain.classes) == ("films", "text", ("neg", "pos"))
    assert texts(domain) == ROWS["text"]
    assert domain.y.tolist() == [1, 0, 1, 0]
    assert list(domain.ids) == ["0", "1", "2", "3"]


def test_named_columns_win_over_guessed_ones(tmp_path: Path, suffix: str) -> None:
    columns = ROWS | {
        "note": ["a", "b", "c", "d"],
        "topic": [2, 10, 2, 10],
        "who": ["x", "y", "x", "z"],
        "key": [7, 8, 9, 6],
    }
    columns["fold"] = ["train", "dev", "test", "Training"]
    file = write(tmp_path / f"t{suffix}", columns)
    domain = read(file, text="note", label="topic", part="fold", group="who", id="key", name="mine")
    assert texts(domain) == ["a", "b", "c", "d"]
    assert (domain.name, domain.classes, domain.y.tolist()) == ("mine", ("2", "10"), [0, 1, 0, 1])
    assert domain.parts is not None
    assert domain.groups is not None
    assert domain.parts.tolist() == ["train", "val", "test", "train"]
    assert domain.groups.tolist() == [0, 1, 0, 2]
    assert list(domain.ids) == ["7", "8", "9", "6"]


def test_rows_are_of_all_columns_without_another_use(tmp_path: Path, suffix: str) -> None:
    columns = {
        "age": [39, 50, 28],
        "pay": [1.5, None, 2.5],
        "job": ["a", "b", "c"],
        "y": [0, 1, 0],
        "id": ["p", "q", "r"],
    }
    domain = read(write(tmp_path / f"t{suffix}", columns))
    assert (domain.kind, domain.feature_names, domain.classes) == ("row", ("age", "pay", "job"), ("0", "1"))
    assert domain.samples.raw(1) == {"age": 50.0, "pay": None, "job": "b"}
    assert list(domain.ids) == ["p", "q", "r"]
    assert read(tmp_path / f"t{suffix}", drop="job", types={"age": "category"}).samples.raw(0) == {
        "age": "39",
        "pay": 1.5,
    }


def test_named_columns_keep_their_order(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"t{suffix}", {"a": [1, 2], "b": [3, 4], "c": [5, 6], "text": ["x", "y"]})
    domain = read(file, columns=["c", "a"])
    assert domain.feature_names == ("c", "a")
    np.testing.assert_array_equal(domain.features, [[5, 1], [6, 2]])
    assert read(file, columns="b").features.tolist() == [[3], [4]]
    assert read(file, columns=["a", "text"]).samples.raw(0) == {"a": 1.0, "text": "x"}
    with pytest.raises(DataError, match=r"column 'text' is read as number, and not every cell is one, for example 'x'"):
        read(file, columns=["a", "text"], types={"text": "number"})
    with pytest.raises(InputError, match=r"'nmber' is no type of a column.*Did you mean 'number'"):
        read(file, types={"a": "nmber"})
    with pytest.raises(InputError, match="column 'a' is to be used and to be dropped"):
        read(file, columns=["a"], drop=["a"])


def test_row_counters_are_no_features(tmp_path: Path) -> None:
    """What pandas writes beside the data counts the rows: sorted by label, it would be the label."""
    file = tmp_path / "t.csv"
    file.write_text(",x,label\n0,5.5,a\n1,6.5,b\n")
    domain = read(file)
    assert isinstance(domain.samples, Table)
    assert [column.type for column in domain.samples.columns] == ["identifier", "number"]


def test_image_paths_are_relative_to_the_table_or_absolute(tmp_path: Path, suffix: str) -> None:
    inside, outside = tmp_path / "set" / "my pics", tmp_path / "elsewhere"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "图.png").write_bytes(png(9))
    columns = {"path": ["my pics/图.png", str(outside / "图.png")], "label": ["a", "b"]}
    domain = read(write(tmp_path / "set" / f"t{suffix}", columns))
    assert domain.kind == "image"
    assert isinstance(domain.samples, Files)
    assert list(domain.ids) == columns["path"]
    assert [decode(domain.samples.raw(i)).getpixel((0, 0)) for i in (0, 1)] == [(9, 0, 0)] * 2


@pytest.mark.parametrize("wrapped", [False, True])
def test_image_bytes_stay_in_the_parquet_file(tmp_path: Path, wrapped: bool) -> None:
    (tmp_path / "d.png").write_bytes(png(3))
    cells: list[Any] = [png(0), png(1), None, b""]
    if wrapped:
        cells = [{"bytes": cell, "path": f"{i}.png"} for i, cell in enumerate(cells[:2])]
        cells += [{"bytes": None, "path": "d.png"}, {"bytes": None, "path": None}]
    domain = read(write(tmp_path / "t.parquet", {"image": cells, "label": [1, 0, 1, 0]}))
    assert (domain.kind, len(domain)) == ("image", 4)
    assert [decode(domain.samples.raw(i)).getpixel((0, 0))[0] for i in (0, 1)] == [0, 1]
    if wrapped:
        assert decode(domain.samples.raw(2)).getpixel((0, 0))[0] == 3
    with pytest.raises(OSError, match="the cell is empty"):
        domain.samples.raw(3 if wrapped else 2)
    some = domain.take([1, 0])
    assert decode(some.samples.raw(0)).getpixel((0, 0))[0] == 1


def test_row_groups_keep_no_more_than_they_may(tmp_path: Path) -> None:
    cells = [bytes([i]) * 1000 for i in range(100)]
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for file, part in zip(files, (cells[:60], cells[60:]), strict=True):
        parquet.write_table(pa.table({"image": part}), file, row_group_size=10)
    column = RowGroups(files, "image", memory=25_000)
    assert [column[i] for i in range(100)] == cells
    assert [column[i] for i in (99, 0, 61, -1)] == [cells[i] for i in (99, 0, 61, -1)]
    assert column[58:62] == cells[58:62]
    assert sum(kept.nbytes for kept in column._kept.values()) <= 25_000
    with pytest.raises(IndexError, match="row 100 of 100"):
        column[100]


def test_a_folder_of_part_tables(tmp_path: Path, suffix: str) -> None:
    for part, rows in {"train": slice(0, 2), "dev": slice(2, 3), "test": slice(3, 4)}.items():
        write(tmp_path / f"{part}{suffix}", {name: column[rows] for name, column in ROWS.items()})
    domain = read(tmp_path)
    assert domain.parts is not None
    assert domain.parts.tolist() == ["train", "train", "val", "test"]
    assert domain.classes == ("neg", "pos")
    assert domain.y.tolist() == [1, 0, 1, 0]
    assert texts(domain) == ROWS["text"]
    assert list(domain.ids) == ["train/0", "train/1", "val/0", "test/0"]
    assert texts(domain.take([3, 0])) == [ROWS["text"][3], ROWS["text"][0]]


def test_shards_of_one_part_are_one(tmp_path: Path) -> None:
    for i in range(2):
        cells = [{"bytes": png(2 * i + j), "path": None} for j in (0, 1)]
        write(tmp_path / f"train-0000{i}-of-00002.parquet", {"image": cells, "label": ["a", "b"]})
    write(tmp_path / "test-00000-of-00001.parquet", {"image": [{"bytes": png(4), "path": None}], "label": ["b"]})
    domain = read(tmp_path)
    assert [decode(domain.samples.raw(i)).getpixel((0, 0))[0] for i in range(5)] == [0, 1, 2, 3, 4]
    assert domain.y.tolist() == [0, 1, 0, 1, 1]


def test_a_test_table_without_labels_is_left_aside(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / "test.csv", {"text": ["what?"]})
    domain = read(tmp_path)
    assert len(domain) == 4
    assert domain.ignored == {"parts": ("test (1)",)}


def test_parts_must_be_alike(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", {"a": [1.5], "b": [2], "label": ["x"]})
    write(tmp_path / "test.csv", {"a": [1.5], "c": [2], "label": ["x"]})
    with pytest.raises(DataError, match=r"different feature columns: 'b', 'c' are in one only. Leave such columns out"):
        read(tmp_path)
    write(tmp_path / "test.csv", ROWS)
    with pytest.raises(DataError, match=r"holds row examples but .* holds text ones"):
        read(tmp_path)


def test_one_table_in_a_folder_is_read_and_several_are_not(tmp_path: Path) -> None:
    write(tmp_path / "all.csv", ROWS)
    assert len(read(tmp_path)) == 4
    write(tmp_path / "more.csv", ROWS)
    with pytest.raises(DataError, match=r"holds 2 tables \(all.csv, more.csv\): give one, or call them train.csv"):
        read(tmp_path)


def test_the_label_column_is_missing(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"t{suffix}", ROWS)
    expected = (
        r"has no column 'lable' \(asked for as label\); it has the columns 'text', 'label'. Did you mean 'label'\?"
    )
    with pytest.raises(DataError, match=expected):
        read(file, label="lable")


def test_without_a_label_column_there_are_no_labels(tmp_path: Path, suffix: str) -> None:
    domain = read(write(tmp_path / f"t{suffix}", {"text": ["a", "b"]}))
    assert (domain.labels, domain.classes) == (None, ())


def test_an_empty_label_column_that_was_only_guessed_means_no_labels(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"t{suffix}", {"text": ["a", "b"], "label": [None, None]})
    assert read(file).labels is None
    with pytest.raises(DataError, match="2 of 2 labels in column 'label'"):
        read(file, label="label")


def test_a_missing_text_is_an_empty_text_which_the_doctor_puts_aside(tmp_path: Path, suffix: str) -> None:
    domain = read(write(tmp_path / f"t{suffix}", {"text": ["a", None, "c", None], "label": [1, 0, 1, 0]}))
    assert texts(domain) == ["a", "", "c", ""]
    assert scan(domain).problems == {1: "empty text", 3: "empty text"}


def test_labels_with_nulls(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"t{suffix}", {"text": ["a", "b", "c"], "label": [1, None, 0]})
    expected = (
        r"1 of 3 labels in column 'label' of .* is missing \(row 2, counted from 1\). Fill it in, or leave this row"
    )
    with pytest.raises(DataError, match=expected):
        read(file)


def test_a_quoted_empty_text_is_a_text_and_left_to_the_doctor(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('text,label\n"",a\nfine,b\n')
    assert texts(read(file)) == ["", "fine"]


def test_part_names_nobody_knows(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", {"text": ["a", "b"], "split": ["train", "tset"]})
    with pytest.raises(
        DataError, match=r"column 'split', says 'tset', which is no part of a data set. Did you mean 'test'"
    ):
        read(file, part="split")


def test_no_usable_column(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", {"comment": ["fine", "not"], "label": ["a", "b"]})
    with pytest.raises(
        DataError, match=r"only column to learn from is 'comment', of words. If it holds texts, say text='comment'"
    ):
        read(file)
    with pytest.raises(DataError, match=r"no column looks like the text column \(text, sentence, .* Name it: text="):
        read(file, kind="text")
    with pytest.raises(InputError, match="image and text were asked for at once: name one kind of example"):
        read(file, image="comment", text="comment")
    assert texts(read(file, text="comment")) == ["fine", "not"]


def test_a_column_called_path_that_holds_no_paths_is_no_image_column(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.csv", {"path": ["/usr/bin", "/etc"], "text": ["a", "b"]})).kind == "text"


@pytest.mark.parametrize("before", [10, 2**20 - 3])
def test_a_csv_that_is_not_utf8(tmp_path: Path, before: int) -> None:
    """The place is right even where the pieces of the file meet."""
    head = b"text,label\n" + b"x" * before + b",a\n"
    file = tmp_path / "latin.csv"
    file.write_bytes(head + "schön,b\n".encode("latin-1"))
    expected = (
        rf"latin.csv is not UTF-8: byte 0xf6 at offset {len(head) + 3} \(line 3\). Save it as UTF-8, for example: iconv"
    )
    with pytest.raises(DataError, match=expected):
        read(file)


def test_characters_across_pieces_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    text = "x" * (2**20 - 6 - len("text\n")) + "猫猫猫猫"
    file.write_text(f"text\n{text}\nshort\n", encoding="utf-8")
    assert texts(read(file)) == [text, "short"]
    file.write_bytes(b"text\nabc\n" + "猫".encode()[:2])
    with pytest.raises(DataError, match=r"not UTF-8: byte 0xe7 at offset 9 \(line 3\)"):
        read(file)


def test_utf16_is_named(tmp_path: Path) -> None:
    file = tmp_path / "excel.csv"
    file.write_bytes("text,label\nschön,b\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"is UTF-16, not UTF-8. Save it as UTF-8, for example: iconv -f UTF-16"):
        read(file)


def test_a_byte_order_mark_and_semicolons(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes("\ufefftext;label\nschön, ja;1\nnein;0\n".encode())
    domain = read(file)
    assert texts(domain) == ["schön, ja", "nein"]
    assert domain.classes == ("0", "1")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("t.csv", "", r"is empty: give a header line"),
        ("t.csv", "text,label\n", r"has the columns 'text', 'label' but no rows"),
        ("t.csv", "text,text\na,b\n", r"two columns called 'text': give each a name of its own"),
        ("t.csv", "text,label\na,b\nc,d,e\n", r"is no table with 2 columns .*Expected 2 columns, got 3"),
        ("t.jsonl", "{oops", r"is not one JSON object on each line"),
        ("t.parquet", "text,label", r"is no Parquet file"),
    ],
)
def test_broken_tables(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


def test_labels_that_are_structures(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", {"text": ["a", "b"], "label": [{"a": 1}, {"a": 2}]})
    with pytest.raises(DataError, match=r"column 'label' holds struct<.*, not labels: name another with label="):
        read(file)


def test_texts_that_are_lists(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", {"words": [["a"], ["b"]]})
    with pytest.raises(DataError, match=r"column 'words' holds list<.*, not texts"):
        read(file, text="words")


def test_a_column_of_vectors_is_many_columns(tmp_path: Path) -> None:
    vectors = pa.array([[1, 2], [3, 4]], pa.list_(pa.float32()))
    parquet.write_table(pa.table({"v": vectors, "f": pa.array([7, 8])}), tmp_path / "t.parquet")
    domain = read(tmp_path / "t.parquet")
    assert domain.feature_names == ("v[0]", "v[1]", "f")
    np.testing.assert_array_equal(domain.features, [[1, 2, 7], [3, 4, 8]])


def test_numbers_written_with_gaps(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n 1 ,NA,x\n2.5,3e2,1\n?,nan,2\n")
    domain = read(file)
    np.testing.assert_array_equal(domain.columns(["a", "b"]).features, [[1, np.nan], [2.5, 300], [np.nan, np.nan]])
    assert [domain.samples.raw(i)["c"] for i in range(3)] == ["x", "1", "2"]


def test_image_bytes_alone_are_as_many_as_there_are(tmp_path: Path) -> None:
    """In one file, and in several that are joined: nothing is read but how many rows there are."""
    for name, colours in (("train", (1, 2, 3)), ("test", (4, 5))):
        pq_table = pa.table({"image": [png(colour) for colour in colours]})
        parquet.write_table(pq_table, tmp_path / f"{name}.parquet")
    assert len(read(tmp_path / "train.parquet")) == 3
    whole = read(tmp_path)
    assert len(whole) == 5 and decode(whole.samples.raw(4)).getpixel((0, 0))[0] == 5


def test_many_paths_take_little_memory(tmp_path: Path) -> None:
    """The Python side: two references and one string per path; no pictures, no rows."""
    count = 50_000
    file = tmp_path / "t.csv"
    file.write_text("path,label\n" + "".join(f"folder/picture_{i:07d}.jpg,{i % 10}\n" for i in range(count)))
    read(file)
    tracemalloc.start()
    domain = read(file)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(domain) == count
    assert held < 250 * count
    assert peak < 600 * count


def test_real_tables(shared_data) -> None:
    trec = read(shared_data("trec"))
    assert (trec.kind, len(trec), len(trec.classes)) == ("text", 5952, 6)
    sst2 = read(shared_data("sst2"))
    assert sst2.parts is not None
    assert [int((sst2.parts == part).sum()) for part in ("train", "val", "test")] == [6920, 872, 1821]
    adult = read(shared_data("adult"), label="income")
    assert (adult.kind, len(adult), len(adult.feature_names or ()), adult.classes) == (
        "row",
        48842,
        14,
        ("<=50K", ">50K"),
    )


def test_real_image_bytes(shared_data) -> None:
    cifar = read(shared_data("cifar10_subset"))
    assert (cifar.kind, len(cifar), len(cifar.classes)) == ("image", 12000, 10)
    assert decode(cifar.samples.raw(11_999)).size == (32, 32)
