"""Tables in memory, and objects that are no lists: read as they are meant, or refused with what to write."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from transferium import TransferClassifier
from transferium.data.read import read
from transferium.errors import DataError, InputError, TransferiumError, TransferiumWarning

FRAME = pd.DataFrame({"note": ["so", "it", "goes"], "text": ["a", "b", "c"], "label": [0, 1, 0], "z": [1.5, 2, 3]})
PICTURE = Image.new("RGB", (9, 8))


class HubDataset:
    """What Hugging Face's ``Dataset`` shows of itself: names, length, columns."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns, self.column_names, self.features = None, list(columns), dict.fromkeys(columns)
        self._columns = columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, key: str) -> list[Any]:
        return self._columns[key]


class Pairs:
    """A data set as torch has them."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, at: int) -> tuple[Any, int]:
        return PICTURE, at


def records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def columns(frame: pd.DataFrame) -> dict[Any, list[Any]]:
    return frame.to_dict("list")


def structured(frame: pd.DataFrame) -> Any:
    return frame.to_records(index=False)


KINDS = [pd.DataFrame, pa.Table.from_pandas, pa.RecordBatch.from_pandas, columns, records, structured,
         lambda frame: HubDataset(columns(frame))]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_tables_in_memory_are_read_as_files_are(kind: Any) -> None:
    table = kind(FRAME)
    domain = read(table)
    assert (domain.kind, domain.classes, [domain.samples.raw(i) for i in range(3)]) == (
        "text",
        ("0", "1"),
        ["a", "b", "c"],
    )
    named = read(table, text="note", label="text")
    assert (named.classes, named.samples.raw(2)) == (("a", "b", "c"), "goes")
    beside = read(table, text="note", label=["x", "y", "x"], id="text", part=["train", "test", "train"])
    assert (beside.classes, beside.y.tolist(), list(beside.ids)) == (("x", "y"), [0, 1, 0], ["a", "b", "c"])
    assert read(table, columns=["z"], label="label").features.tolist() == [[1.5], [2.0], [3.0]]


def test_class_names_that_a_table_brings_are_used() -> None:
    hub = HubDataset({"text": ["a", "b", "c"], "label": [1, 0, 1]})
    hub.features = {"text": SimpleNamespace(dtype="string"), "label": SimpleNamespace(names=["ham", "spam"])}
    about = b'{"info": {"features": {"label": {"names": ["ham", "spam"], "_type": "ClassLabel"}}}}'
    arrow = pa.table({"text": ["a", "b", "c"], "label": [1, 0, 1]}).replace_schema_metadata({"huggingface": about})
    for table in (hub, arrow):
        assert (read(table).classes, read(table).y.tolist()) == (("ham", "spam"), [1, 0, 1])


def test_columns_have_types_as_in_files() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "flag": [True, False], "n": pd.array([1, None], dtype="Int64")})
    frame = frame.assign(mixed=[1, "2.5"], kind=pd.Categorical(["u", "v"]))
    domain = read(frame)
    assert [domain.samples.raw(i) for i in (0, 1)] == [
        {"x": 1.0, "flag": "true", "n": 1.0, "mixed": 1.0, "kind": "u"},
        {"x": 2.0, "flag": "false", "n": None, "mixed": 2.5, "kind": "v"},
    ]
    with pytest.raises(DataError, match=r"features are numbers, and column 'kind' is a category"):
        read(frame, columns=["x", "kind"], kind="features")


def test_labels_beside_a_table_leave_its_columns_alone() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    assert read(frame, label=["a", "b"]).feature_names == ("x", "y")
    assert read(frame).feature_names == ("x",)


@pytest.mark.parametrize("cell", [PICTURE, np.zeros((8, 9, 3), np.uint8), b"\x89PNG", {"bytes": b"x"}, "a.png"])
def test_columns_of_pictures(cell: Any) -> None:
    domain = read({"image": [cell, None], "label": ["a", "b"]})
    assert (domain.kind, domain.classes) == ("image", ("a", "b"))
    with pytest.raises(OSError, match="the cell is empty"):
        domain.samples.raw(1)


def test_missing_texts_are_empty_and_left_to_the_doctor() -> None:
    for source in (["a", None], pd.Series(["a", None]), {"text": ["a", float("nan")]}, pa.array(["a", None])):
        assert [read(source).samples.raw(i) for i in range(2)] == ["a", ""]
    assert [read([None, "b"]).samples.raw(i) for i in range(2)] == ["", "b"]


def test_a_column_that_stands_alone_may_have_any_name() -> None:
    assert read(FRAME[["note"]]).kind == "text"
    assert read(pd.DataFrame({"photo": ["a.png"]})).kind == "image"
    assert read(pd.DataFrame([["a"], ["b"]])).kind == read(np.array([["a"], ["b"]])).kind == "text"


def test_a_dictionary_of_tables_is_parts() -> None:
    tables = {
        "train": pa.table({"text": ["a", "b"], "label": [0, 1]}),
        "test": HubDataset({"text": ["c"], "label": [1]}),
    }
    domain = read(tables)
    assert domain.parts is not None
    assert (domain.parts.tolist(), domain.y.tolist()) == (["train", "train", "test"], [0, 1, 1])
    with pytest.warns(TransferiumWarning, match="'unsupervised' of 'data'.*left aside"):
        assert len(read({**tables, "unsupervised": tables["train"]})) == 3
    with pytest.raises(InputError, match="are called 'a': call them train, val and test"):
        read({"a": tables["train"]})


def test_a_folder_of_images_as_torchvision_has_it() -> None:
    folder = SimpleNamespace(samples=[("a/1.png", 0), ("b/2.png", 1)], classes=["a", "b"], transform=None)
    domain = read(folder)
    assert (domain.kind, domain.classes, list(domain.ids)) == ("image", ("a", "b"), ["a/1.png", "b/2.png"])
    folder.transform = "something"
    with pytest.warns(TransferiumWarning, match="transforms of this SimpleNamespace are not applied"):
        read(folder)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["u", "v"]),
        pd.Series(["u", "v"], dtype="category"),
        pa.array(["u", "v"]),
        np.array([b"u", b"v"]),
        {"l": "u", "m": "v"}.values(),
        pd.DataFrame({"l": ["u", "v"]}),
        np.array([["u"], ["v"]]),
    ],
)
def test_labels_may_be_any_sequence(values: Any) -> None:
    assert read(["a", "b"], label=values).classes == ("u", "v")


def test_labels_of_tensors_and_dates() -> None:
    torch = pytest.importorskip("torch")
    assert read(["a", "b"], label=torch.tensor([3, 4])).classes == ("3", "4")
    assert read(["a", "b"], label=[torch.tensor(3), torch.tensor(4)]).classes == ("3", "4")
    assert read(torch.zeros(3, 2)).kind == "row"
    days = np.array(["2026-01-31", "2026-02-01"], "datetime64[ns]")
    assert read(["a", "b"], label=days).classes == ("2026-01-31", "2026-02-01")


def generator() -> Iterator[str]:
    yield "a"


@pytest.mark.parametrize(
    "source, message",
    [
        (generator(), r"a generator cannot be read, for it can be gone through only once: give list\(…\)"),
        (map(str, "ab"), "a map cannot be read"),
        ({"a", "b"}, "set cannot be read: give a path, a list or an array"),
        (b"\x89PNG", r"one bytes is one example, and a list of examples is read: give \[example\]"),
        (PICTURE, r"one Image is one example.*give \[example\]"),
        (np.zeros((48, 40, 3), np.uint8), r"an array of shape \(48 x 40 x 3\) is one image.*give \[image\]"),
        (np.zeros((2, 3, 8, 9)), r"shape \(3 x 8 x 9\) has its colours first.*permute"),
        ([np.zeros((3, 8, 9))], "has its colours first"),
        ({"a.jpg": "cat", "b.jpg": "dog"}, "a dict cannot be read, unless it holds columns"),
        ({"text": ["a", "b"], "label": [1]}, "a dict cannot be read, unless it holds columns, a list of equal length"),
        (Pairs(), r"Pairs cannot be read.*tm.read\(\[x for x, y in data\], label=\[y for x, y in data\]\)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns of the table are called 'a'"),
        (FRAME[:0], "holds no examples"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_write(source: Any, message: str) -> None:
    with pytest.raises(TransferiumError, match=message):
        read(source)


@pytest.mark.parametrize("label", [generator(), {0: "a", 1: "b"}, {"a", "b"}, 5])
def test_labels_without_an_order_are_refused(label: Any) -> None:
    with pytest.raises(InputError, match=f"label= is a {type(label).__name__}: give a list or an array with one value"):
        read(["x", "y"], label=label)


def test_a_table_in_memory_says_what_it_was_taken_for() -> None:
    domain = read(pd.DataFrame({"a": ["1,5", "2,5"], "label": [0, 1]}))
    assert domain.features.tolist() == [[1.5], [2.5]]
    assert domain.layout == "'data' holds 2 rows of numbers, a with decimal commas, labels in column 'label'"
    assert read({"text": ["a", "b"], "label": [0, 1]}).layout == (
        "'data' holds 2 texts in column 'text', labels in column 'label'"
    )


def test_texts_that_are_lists_are_refused() -> None:
    with pytest.raises(DataError, match="column 'text' holds list, not texts"):
        read({"text": [["a"], ["b"]], "label": [1, 2]}, text="text")


def test_a_long_text_is_no_path() -> None:
    with pytest.raises(TransferiumError, match="does not exist"):
        read("long " * 2000)


@pytest.mark.parametrize("empty", [pd.DataFrame(index=range(5)), pa.table({})], ids=["pandas", "arrow"])
def test_a_table_without_columns_is_refused(empty: Any) -> None:
    for ask in (read, lambda X: TransferClassifier(store=False).fit(X, list("aabba"))):
        with pytest.raises(DataError, match="the table has no columns: give one at least"):
            ask(empty)
