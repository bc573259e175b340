"""Folders of every layout."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from transferium.data.images.decode import decode
from transferium.data.read import read
from transferium.data.samples import Files
from transferium.errors import DataError, InputError
from worlds.folders import plant


def test_class_folders(tmp_path: Path) -> None:
    domain = read(plant(tmp_path / "bugs", "bees/2.png", "ants/b.PNG", "ants/a.jpg"))
    assert (domain.name, domain.kind, domain.classes) == ("bugs", "image", ("ants", "bees"))
    assert list(domain.ids) == ["ants/a.jpg", "ants/b.PNG", "bees/2.png"]
    assert domain.y.tolist() == [0, 0, 1]
    assert domain.parts is None
    assert decode(domain.samples.raw(2)).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    "train, val, test",
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("train", "dev", "test"),
        ("train", "valid", "test"),
    ],
)
def test_part_folders_share_one_sorted_class_list(tmp_path: Path, train: str, val: str, test: str) -> None:
    names = [f"{train}/b/1.png", f"{train}/c/2.png", f"{val}/a/3.png", f"{test}/b/4.png"]
    domain = read(plant(tmp_path, *names))
    assert domain.classes == ("a", "b", "c")
    assert domain.parts is not None
    assert domain.parts.tolist() == ["train", "train", "val", "test"]
    assert domain.y.tolist() == [1, 2, 0, 1]
    assert list(domain.ids) == names
    assert isinstance(domain.samples, Files)
    assert domain.part("val").classes == domain.classes


def test_classes_may_be_called_train_and_test(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "train/1.png", "bus/1.png", "car/1.png"))
    assert domain.parts is None
    assert domain.classes == ("bus", "car", "train")


def test_folders_beside_the_parts_are_named_and_left(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "train/a/1.png", "test/a/1.png", "samples/1.png", "readme.txt", "cover.png"))
    assert len(domain) == 2
    assert domain.ignored == {"images": ("cover.png", "samples/1.png"), "files": ("readme.txt",)}


def test_a_part_without_labels_is_left_aside(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"))
    assert len(domain) == 2
    assert domain.parts is not None
    assert set(domain.parts) == {"train"}
    assert domain.ignored == {"parts": ("test (2)",)}


def test_parts_without_class_folders_have_no_labels(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "train/1.png", "test/2.png"))
    assert domain.labels is None
    assert domain.parts is not None
    assert domain.parts.tolist() == ["train", "test"]


def test_two_folders_for_one_part_are_refused(tmp_path: Path) -> None:
    plant(tmp_path, "train/a/1.png", "val/a/1.png", "valid/a/1.png")
    with pytest.raises(DataError, match=r"two val parts, 'val' and 'valid': merge them or rename one"):
        read(tmp_path)


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "b.png", "a.webp", "notes.txt"))
    assert domain.labels is None
    assert list(domain.ids) == ["a.webp", "b.png"]
    assert domain.ignored == {"files": ("notes.txt",)}


def test_one_image_is_a_domain(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "one.png") / "one.png")
    assert (len(domain), domain.labels, domain.name) == (1, None, "one")


def test_numbered_classes_sort_by_number(tmp_path: Path) -> None:
    assert read(plant(tmp_path, "10/a.png", "9/a.png", "0/a.png")).classes == ("0", "9", "10")


def test_folders_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    domain = read(plant(tmp_path, "ants/monday/1.png", "ants/2.png", "bees/1.png"))
    assert list(domain.ids) == ["ants/2.png", "ants/monday/1.png", "bees/1.png"]
    assert domain.y.tolist() == [0, 0, 1]


def test_several_data_sets_are_not_taken_for_classes(tmp_path: Path) -> None:
    plant(tmp_path, "amazon/mug/1.png", "amazon/pen/1.png", "webcam/mug/1.png", "webcam/pen/1.png")
    with pytest.raises(
        DataError, match=r"holds 2 data sets \(amazon, webcam\), each with the folders mug, pen: give one"
    ):
        read(tmp_path)
    assert read(tmp_path / "amazon").classes == ("mug", "pen")


def test_litter_is_overlooked_and_strangers_are_named(tmp_path: Path) -> None:
    names = [
        "a/1.png",
        "a/.DS_Store",
        "a/Thumbs.db",
        ".git/x.png",
        "__MACOSX/a/1.png",
        "b/2.png",
        "b/notes.txt",
        "c/only.txt",
    ]
    domain = read(plant(tmp_path, *names, "README.md", "stray.png"))
    assert list(domain.ids) == ["a/1.png", "b/2.png"]
    assert domain.classes == ("a", "b")
    assert domain.ignored == {
        "hidden": (".git", "__MACOSX"),
        "images": ("stray.png",),
        "files": ("README.md", "b/notes.txt", "c/only.txt"),
        "classes": ("c",),
    }


def test_spaces_chinese_and_emoji(tmp_path: Path) -> None:
    domain = read(plant(tmp_path / "my data", "小 猫/图 片.png", "🐶 dogs/🦴.png"))
    assert domain.classes == ("小 猫", "🐶 dogs")
    assert list(domain.ids) == ["小 猫/图 片.png", "🐶 dogs/🦴.png"]
    assert decode(domain.samples.raw(1)).size == (8, 6)


def test_a_name_that_is_no_utf8_can_still_be_read_and_printed(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.png", "b/1.png")
    odd = os.fsencode(tmp_path) + b"/a/caf\xe9.png"
    try:
        (tmp_path / "a/1.png").rename(os.fsdecode(odd))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    domain = read(tmp_path)
    assert domain.ids[0] == "a/caf\ufffd.png"
    assert decode(domain.samples.raw(0)).size == (8, 6)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is an empty folder: give a folder with one folder of images for each class"):
        read(tmp_path)


def test_a_folder_of_other_things(tmp_path: Path) -> None:
    plant(tmp_path, "a/x.txt", "b/y.doc")
    with pytest.raises(DataError, match=r"holds no images \(.bmp, .* but 2 other files: a/x.txt, b/y.doc"):
        read(tmp_path)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    plant(tmp_path, "hymenoptera/a/1.png")
    with pytest.raises(DataError, match=r"hymenopetra does not exist. Did you mean 'hymenoptera'\?"):
        read(tmp_path / "hymenopetra")
    with pytest.raises(DataError, match=r"hymenopetra/a does not exist. Did you mean 'hymenoptera'\?"):
        read(tmp_path / "hymenopetra" / "a")
    with pytest.raises(DataError, match=r"zzz does not exist. There is no 'zzz' in"):
        read(tmp_path / "zzz")


def test_a_folder_of_images_has_no_columns(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.png", "b/1.png")
    for asked in ({"label": "class"}, {"kind": "text"}):
        with pytest.raises(InputError, match="is a folder of image files: it has no columns"):
            read(tmp_path, **asked)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    plant(tmp_path, "notes.txt")
    with pytest.raises(InputError, match=r"notes.txt cannot be read: give a folder or one of .csv, .tsv"):
        read(tmp_path / "notes.txt")


def test_names_are_kept_once(tmp_path: Path) -> None:
    """Ids and file names are one list: a million files cost a hundred bytes each."""
    domain = read(plant(tmp_path, "a/1.png", "b/1.png"))
    assert isinstance(domain.samples, Files)
    assert all(one is other for one, other in zip(domain.ids, domain.samples.names, strict=True))


def test_ants_and_bees(shared_data) -> None:
    domain = read(shared_data("hymenoptera"))
    assert domain.classes == ("ants", "bees")
    assert domain.parts is not None
    assert [(domain.parts == part).sum() for part in ("train", "val", "test")] == [245, 153, 0]
    assert "train/ants/imageNotFound.gif" in domain.ids
    odd = domain.samples.raw(list(domain.ids).index("train/ants/imageNotFound.gif"))
    assert np.asarray(decode(odd)).ndim == 3
