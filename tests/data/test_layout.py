"""What a folder means: decided in one place, said in one line, and asked where it could be two things."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.domain import Domain
from transferium.data.folders.part_names import part_of
from transferium.data.read import read, read_path
from transferium.errors import DataError, InputError
from worlds.folders import pictures, plant

TEXTS = pa.table({"text": ["good", "bad"] * 5, "label": [1, 0] * 5})
LABELS = "file_name,label\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n"


def counts(domain: Domain) -> dict[str, int]:
    assert domain.parts is not None
    return {part: int((domain.parts == part).sum()) for part in sorted(set(domain.parts.tolist()))}


def tables(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(TEXTS, root / name)
    (root / "README.md").write_text("# card")
    return root


@pytest.mark.parametrize(
    "name, part",
    [
        ("training_set", "train"),
        ("trainset", "train"),
        ("seg_train", "train"),
        ("Train-Data", "train"),
        ("images_test", "test"),
        ("test1", "test"),
        ("val2017", "val"),
        ("PublicTest", "test"),
        ("ＴＥＳＴ", "test"),
        ("trainval", "train"),
        ("eval", "val"),
        ("constrained", None),
        ("latest", None),
        ("invalid", None),
        ("train_test", None),
    ],
)
def test_names_of_parts(name: str, part: str | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    "train, test",
    [("training_set", "test_set"), ("seg_train/seg_train", "seg_test/seg_test"), ("Train", "test1"), ("train1", "val")],
)
def test_parts_under_other_names(tmp_path: Path, train: str, test: str) -> None:
    domain = read(plant(tmp_path, *pictures(f"{train}/"), *pictures(f"{test}/", n=1)))
    assert domain.classes == ("cat", "dog")
    assert sorted(counts(domain).values()) == [2, 4]
    assert f"train in {train}/" in domain.layout


def test_a_part_without_labels_under_another_name_is_left_aside_by_name(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, *pictures("train/"), *pictures("test1/", ())))
    assert counts(domain) == {"train": 4}
    assert domain.ignored == {"parts": ("test (2)",)}


def test_parts_inside_the_folders_of_classes(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, *pictures("", ("cat/train", "cat/test", "dog/train", "dog/test"))))
    assert (domain.classes, counts(domain)) == (("cat", "dog"), {"train": 4, "test": 4})


def test_unlabelled_pictures_beside_a_part_are_named(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, *pictures("train/"), *pictures("unlabeled/", ())))
    assert counts(domain) == {"train": 4}
    assert domain.ignored == {"images": ("unlabeled/0.png", "unlabeled/1.png")}


@pytest.mark.parametrize("folders", [("train", "unlabeled"), ("train", "test", "bus"), ("train_station", "test_tube")])
def test_two_readings_of_folders_are_asked(tmp_path: Path, folders: tuple[str, ...]) -> None:
    plant(tmp_path, *pictures("", folders))
    with pytest.raises(
        DataError, match=r"in two ways: .* as parts .* or all of them as classes. Say layout='parts' or"
    ):
        read(tmp_path)
    assert read(tmp_path, layout="classes").classes == tuple(sorted(folders))
    divided = read(tmp_path, layout="parts")
    assert divided.labels is None
    assert "train" in counts(divided)
    assert len(read(tmp_path, layout="images")) == len(read_path(tmp_path, whole=True)) == 2 * len(folders)


def test_two_folders_of_one_part_can_be_said_to_be_classes(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", ("train1", "train2")))
    with pytest.raises(DataError, match=r"has two train parts, .*layout=.classes."):
        read(tmp_path)
    assert read(tmp_path, layout="classes").classes == ("train1", "train2")


def test_a_layout_is_one_of_four_and_for_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layout='clases' is unknown. Did you mean 'classes'"):
        read(tmp_path, layout="clases")
    with pytest.raises(InputError, match="no folder was given"):
        read(["a", "b"], layout="classes")


@pytest.mark.parametrize("outer", ["dataset/", "outer/dataset/"])
def test_a_folder_that_only_wraps_the_data_is_gone_into(tmp_path: Path, outer: str) -> None:
    domain = read(plant(tmp_path, *pictures(outer), "LICENSE.txt", "__MACOSX/x/._0.png"))
    assert domain.classes == ("cat", "dog")
    assert list(domain.ids) == pictures(outer)
    assert domain.ignored == {"hidden": ("__MACOSX",), "files": ("LICENSE.txt",)}
    assert f"{outer.rstrip('/')} holds 4 images" in domain.layout
    divided = read(plant(tmp_path / "b", *pictures(f"{outer}train/"), *pictures(f"{outer}valid/")))
    assert counts(divided) == {"train": 4, "val": 4}


def test_one_class_is_no_wrapper(tmp_path: Path) -> None:
    assert read(plant(tmp_path, *pictures("", ("cat",)))).classes == ("cat",)


def test_thumbnails_and_litter_are_no_examples(tmp_path: Path) -> None:
    litter = ("cat/@eaDir/0.png/THUMB.jpg", "dog/.ipynb_checkpoints/0-checkpoint.png", "@eaDir/x.png", "cat/._0.png")
    domain = read(plant(tmp_path, *pictures(""), *litter, ".DS_Store", "dog/Thumbs.db"))
    assert list(domain.ids) == pictures("")
    assert domain.ignored == {"hidden": ("@eaDir", "cat/._0.png", "cat/@eaDir", "dog/.ipynb_checkpoints")}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("inside", ["", "inner/"])
def test_a_metadata_table_beside_the_pictures(tmp_path: Path, ending: str, inside: str) -> None:
    plant(tmp_path, *pictures(inside, (), 4), f"{inside}extra.png")
    rows = [{"file_name": f"{i}.png", "label": ("cat", "dog")[i % 2]} for i in range(4)]
    file = tmp_path / inside / f"metadata.{ending}"
    if ending == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), file)
    else:
        file.write_text(LABELS if ending == "csv" else "\n".join(map(json.dumps, rows)))
    domain = read(tmp_path)
    assert (domain.classes, domain.y.tolist()) == (("cat", "dog"), [0, 1, 0, 1])
    assert domain.ignored == {"images": (f"{inside}extra.png",)}
    assert domain.samples.raw(0)[:4] == b"\x89PNG"


def test_a_metadata_table_in_each_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        plant(tmp_path, *pictures(f"{part}/", (), 4))
        (tmp_path / part / "metadata.csv").write_text(LABELS)
    domain = read(tmp_path)
    assert counts(domain) == {"train": 4, "test": 4}
    assert len(set(domain.ids)) == 8
    assert domain.samples.raw(7)[:4] == b"\x89PNG"


def test_a_column_of_pictures_by_any_name(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", (), 4))
    (tmp_path / "metadata.csv").write_text(LABELS.replace("file_name", "Foto"))
    assert read(tmp_path).kind == "image"
    (tmp_path / "metadata.csv").write_text("left,right,label\n0.png,1.png,a\n")
    with pytest.raises(DataError, match="'left', 'right' all look like images: name one with image="):
        read(tmp_path / "metadata.csv")


def test_folders_and_a_table_that_differ_are_asked(tmp_path: Path) -> None:
    plant(tmp_path, *pictures(""))
    table = tmp_path / "metadata.csv"
    table.write_text("file_name,label\ncat/0.png,cat\ncat/1.png,cat\ndog/0.png,dog\ndog/1.png,dog\n")
    assert read(tmp_path).ignored == {"tables": ("metadata.csv",)}
    table.write_text("file_name,label\ncat/0.png,big\ncat/1.png,small\ndog/0.png,big\ndog/1.png,small\n")
    with pytest.raises(DataError, match=r"in two ways: metadata.csv gives images their labels, and the folders"):
        read(tmp_path)
    assert read(tmp_path, layout="classes").classes == ("cat", "dog")
    assert read(tmp_path, layout="table").classes == ("big", "small")
    assert read(tmp_path, label="label").classes == ("big", "small")


def test_a_table_that_names_no_picture_is_left_aside(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", (), 3))
    (tmp_path / "sample_submission.csv").write_text("id,label\n0,cat\n")
    assert read(tmp_path).ignored == {"tables": ("sample_submission.csv",)}


def test_numbers_beside_pictures_are_asked_and_a_model_decides(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", (), 3))
    (tmp_path / "t.csv").write_text("width,height,label\n1,2,a\n3,4,b\n")
    with pytest.raises(DataError, match=r"in two ways: t.csv holds rows of numbers, and there are 3 images"):
        read(tmp_path)
    assert read(tmp_path, layout="images").kind == "image"
    assert read(tmp_path, layout="table").kind == read_path(tmp_path, expected="row").kind == "row"
    assert read_path(tmp_path, expected="image").ignored == {"tables": ("t.csv",)}


@pytest.mark.parametrize(
    "names, parts",
    [
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"], {"train": 20}),
        (["data/train-00000-of-00001-b42a775f407cee45.parquet", "data/test-00000-of-00001.parquet"], None),
        (["default/train/0000.parquet", "default/test/0000.parquet"], None),
        (["mnist_train.parquet", "mnist_test.parquet"], None),
    ],
)
def test_hub_folders(tmp_path: Path, names: list[str], parts: dict[str, int] | None) -> None:
    domain = read(tables(tmp_path, *names))
    assert counts(domain) == (parts or {"train": 10, "test": 10})
    assert domain.ignored == {"files": ("README.md",)}
    assert len(set(domain.ids)) == len(domain)


def test_a_table_in_numbered_files_is_one(tmp_path: Path) -> None:
    assert len(read(tables(tmp_path, "data/0000.parquet", "data/0001.parquet"))) == 20


def test_what_is_several_is_refused_by_name(tmp_path: Path) -> None:
    tables(tmp_path, "en/train.parquet", "de/train.parquet")
    with pytest.raises(DataError, match=r"2 folders that do \(de, en\): give one of them, for example .*de"):
        read(tmp_path)
    tables(tmp_path / "c", "train_a.parquet", "train_b.parquet", "test.parquet", "other.parquet")
    assert counts(read(tmp_path / "c")) == {"test": 10}
    assert read(tmp_path / "c").ignored["tables"] == ("other.parquet", "train_a.parquet", "train_b.parquet")


def test_linked_folders_are_followed_and_circles_named(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("d/"), *pictures("elsewhere/", ()))
    (tmp_path / "d/cat/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d/cat/loop").symlink_to(tmp_path / "d")
    domain = read(tmp_path / "d")
    assert domain.y.tolist() == [0, 0, 0, 0, 1, 1]
    assert domain.ignored == {"circles": ("cat/loop",)}


def test_links_to_links_end(tmp_path: Path) -> None:
    for i in range(30):
        plant(tmp_path / "all", f"f{i}/0.png")
        for side in "ab":
            (tmp_path / f"all/f{i}/{side}").symlink_to(tmp_path / f"all/f{i + 1}")
    plant(tmp_path / "d", *pictures(""))
    (tmp_path / "d/cat/more").symlink_to(tmp_path / "all/f0")
    assert len(read(tmp_path / "d")) == 4 + 30


def test_one_name_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    domain = read(plant(tmp_path, f"train/{one}/1.png", "train/x/1.png", f"test/{two}/2.png", "test/x/2.png"))
    assert domain.classes == ("café", "x")


def test_a_folder_that_cannot_be_opened_is_an_error_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    plant(tmp_path, *pictures(""), *pictures("", ("bird",)))
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "bird":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert read(tmp_path).ignored == {"closed": ("bird (Permission denied)",)}
    with pytest.raises(DataError, match="cannot be opened: Permission denied"):
        read(tmp_path / "bird")


def test_folders_too_deep_are_named(tmp_path: Path) -> None:
    deep = plant(tmp_path, *pictures(""), "cat/" + "d/" * 70 + "x.png")
    assert [name.count("/") for name in read(deep).ignored["deep"]] == [64]


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "a\x1b[2J/1.png", "b\nerror: fine/2.png"))
    assert domain.classes == ("a\\x1b[2J", "b\\nerror: fine")
    assert domain.ids[0] == "a\\x1b[2J/1.png"
    assert domain.samples.raw(0)[:4] == b"\x89PNG"
    assert not {"\x1b", "\n"} & set(domain.layout)


def test_a_link_to_itself_is_one_file_that_cannot_be_read(tmp_path: Path) -> None:
    plant(tmp_path, *pictures(""))
    for name in ("loop", "cat/loop.png"):
        (tmp_path / name).symlink_to(Path(name).name)
    domain = read(tmp_path)
    assert len(domain) == 5
    assert domain.ignored == {"files": ("loop",)}


@pytest.mark.parametrize("files", [("model.json", "model.safetensors", "p.csv"), ("state/command.json", "state/a.csv")])
def test_a_run_is_no_data(files: tuple[str, ...], tmp_path: Path) -> None:
    plant(tmp_path, *files)
    with pytest.raises(DataError, match="is a saved model or run, not data"):
        read(tmp_path)


@pytest.mark.parametrize("layout", ["table", "parts"])
def test_a_layout_that_is_not_there_is_an_error(layout: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"has no .* in it: leave layout='{layout}' out"):
        read(plant(tmp_path, *pictures("")), layout=layout)


def test_columns_named_beside_several_tables_are_an_error_that_lists_them(tmp_path: Path) -> None:
    plant(tmp_path, *pictures("", ()), "labels.csv", "sample.csv")
    with pytest.raises(InputError, match=r"give that: labels\.csv, sample\.csv"):
        read(tmp_path, label="breed")
