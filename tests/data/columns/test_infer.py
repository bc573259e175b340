"""What a column holds is decided in one place: by its cells, whatever file they came from, or as it was said."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.columns import dates, written_numbers
from transferium.data.columns.column import Column
from transferium.data.columns.dates import written_dates
from transferium.data.columns.infer import as_type, infer
from transferium.data.columns.table import Table
from transferium.data.doctor.left_out import left_out
from transferium.data.read import read
from transferium.errors import DataError, InputError

WORDS = [f"{word} words that nobody wrote twice {i}" for i, word in enumerate(["many", "several", "some"] * 10)]


def column(cells: list[Any], said: Any = None) -> Column:
    return infer("c", pa.chunked_array([cells]), said)


@pytest.mark.parametrize(
    ("cells", "type_", "first"),
    [
        (["1", " 2.5 ", "1e300", "inf", "NA"], "number", 1.0),
        (["1.234,5", "7", "?"], "number", 1234.5),
        (["12 kg", "7.5 kg", "-"], "number", 12.0),
        (["$1,200.50", "$7"], "number", 1200.5),
        (["yes", "No", ""], "boolean", "true"),
        (["TRUE", "false"], "boolean", "true"),
        ([True, None], "boolean", "true"),
        (["2026-01-31", "31.01.2026", "Jan 31, 2026 10:00"], "date", "2026-01-31T00:00:00"),
        (["31/01/2026", "02/03/2026"], "date", "2026-01-31T00:00:00"),
        (["red", "blue", "red"], "category", "red"),
        (["007", "008", "7"], "category", "007"),
        ([1, 2, None], "number", 1.0),
        ([0, 1, 0], "number", 0.0),
        ([None, None], "number", None),
        ([f"u{i:03d}" for i in range(40)], "identifier", "u000"),
        (list(range(5, 45)), "identifier", "5"),
        ([3 * i % 40 for i in range(40)], "number", 0.0),
        (WORDS, "text", WORDS[0]),
        ([str(i) for i in range(99)] + ["oops"], "text", "0"),
        (["03/04/2026", "04/05/2026"], "text", "03/04/2026"),
        (["3 m", "9 cm", "1 in"], "text", "3 m"),
        ([{"a": 1}], "text", None),
    ],
)
def test_types_are_found_by_cells(cells: list[Any], type_: str, first: Any) -> None:
    found = column(cells)
    assert (found.type, found.cell(0)) == (type_, first)
    assert bool(found.note) == (type_ == "text" and cells is not WORDS) or found.type in ("number", "date")


def test_a_type_that_is_said_wins_or_names_the_cell_that_is_none() -> None:
    assert column(["1", "2"], "category").levels == ("1", "2") == column([1.0, 2.0], "category").levels
    assert column(["007", "8"], "number").values.tolist() == [7, 8]
    assert column(["True", "false"], "number").values.tolist() == [1, 0]
    assert as_type(column([1, 0, None]), "boolean").cell(0) == "true"
    assert column([f"u{i}" for i in range(40)], "category").type == "category"
    for said, why in (("number", "'x' (row 2, counted from 1)"), ("date", "'1' (row 1, counted from 1)")):
        with pytest.raises(DataError) as error:
            column(["1", "x"], said)
        assert f"read as {said}" in str(error.value) and why in str(error.value)


def test_dates_that_may_be_two_are_not_guessed() -> None:
    assert written_dates(["03/04/2026"])[1].startswith("'03/04/2026' may be 2026-04-03 or 2026-03-04")
    assert written_dates(["03/04/2026", "13/04/2026"])[1] == "the day first"
    assert written_dates(["31/02/2026"]) == (None, "") == written_dates(["x 1"])
    moved = written_dates(["2026-01-31T12:00:00+02:00"])[0]
    assert moved is not None and moved.astype(str).tolist() == ["2026-01-31T10:00:00"]


def test_texts_that_are_no_dates_and_no_numbers_are_seen_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    for module, name in ((dates, "_read"), (written_numbers, "_tidy")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda text, *how, real=real: (looked.append(text), real(text, *how))[1])
    assert column([f"u{i:03d}" for i in range(40)]).type == "identifier"
    assert set(looked) == {"u000"}


def test_levels_are_hashed_once_however_many_blocks_of_rows_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Table([Column("job", "category", np.arange(40, dtype=np.int32) % 4 - 1, ("a", "b", "c"))])
    expected = rows.keys()
    hashed: list[bytes] = []
    real = hashlib.sha256
    monkeypatch.setattr("transferium.data.columns.table.BLOCK", 8)
    monkeypatch.setattr(hashlib, "sha256", lambda given=b"": (hashed.append(given), real(given))[1])
    assert rows.keys() == expected
    assert [given for given in hashed if given in (b"a", b"b", b"c")] == [b"a", b"b", b"c"]


def test_csv_parquet_jsonl_and_frames_hold_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": [1.5, np.nan, 3.0],
            "flag": [True, False, True],
            "kind": ["u", None, "v"],
            "when": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"]),
            "label": ["a", "b", "a"],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    lines = frame.assign(when=frame["when"].astype(str)).astype(object).where(frame.notna(), None).to_dict("records")
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    parquet.write_table(pa.table({"when": pa.array(frame["when"])}), tmp_path / "when.parquet")
    as_category = frame.assign(kind=frame["kind"].astype("category"))
    read_as = [
        read(source) for source in (*(tmp_path / f"t.{end}" for end in ("csv", "parquet", "jsonl")), as_category)
    ]
    tables = [domain.samples for domain in read_as]
    assert all(isinstance(table, Table) for table in tables)
    first = tables[0]
    assert isinstance(first, Table)
    assert [c.type for c in first.columns] == ["number", "boolean", "category", "date"]
    for table in tables[1:]:
        assert isinstance(table, Table) and table.keys() == first.keys()
        assert [table.raw(i) for i in range(3)] == [first.raw(i) for i in range(3)]


def test_nothing_is_left_out_without_a_word(tmp_path: Path) -> None:
    rows = [f"{i},u{i:03d},{WORDS[i % 30]},{i % 3},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["count,who,note,x,label", *rows]))
    said = [finding.message for finding in left_out(read(tmp_path / "t.csv"))]
    assert [message.split(",")[0] for message in said] == ["2 of 4 columns are left out", "1 of 4 columns is left out"]
    assert "'count', 'who'" in said[0] and "'note'" in said[1]


def test_columns_that_cannot_be_a_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several columns of the table are called 'a'"):
        Table([Column("a", "number", np.zeros(2)), Column("a", "number", np.zeros(2))])
    (tmp_path / "t.csv").write_text("a,a,label\n1,2,x\n")
    with pytest.raises(DataError, match="has two columns called 'a'"):
        read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("text,label\nso,x\n")
    with pytest.raises(InputError, match="types are of the columns of rows"):
        read(tmp_path / "t.csv", text="text", types={"label": "category"})


def test_parts_are_of_the_types_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,c,label\nx,1,yes,p\ny,2,no,q\n")
    (tmp_path / "test.csv").write_text("a,b,c,label\n7,,1,p\nz,,0,q\n")
    table = read(tmp_path).samples
    assert isinstance(table, Table) and [c.type for c in table.columns] == ["category", "number", "boolean"]
    assert [table.raw(2), table.raw(3)["c"]] == [{"a": "7", "b": None, "c": "true"}, "false"]


def test_one_cell_is_read_without_looking_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table([column(["1", None, "3"]), replace(column(["a", "b", None], "category"), name="of words")])
    monkeypatch.setattr(Column, "missing", property(lambda _: pytest.fail("the whole column was looked at")))
    rows = [table.raw(i) for i in range(3)]
    assert rows == [{"c": 1.0, "of words": "a"}, {"c": None, "of words": "b"}, {"c": 3.0, "of words": None}]
