"""Boxes in the formats of COCO and YOLO say what those of Pascal VOC say, and what is wrong with them is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transferium.data.doctor.left_out import left_out
from transferium.data.read import read
from transferium.errors import DataError
from worlds.scenes import SIDE, scene, scenes, write_scenes

NAMES = ("square", "disc")


def _coco(count: int, **changes: Any) -> dict[str, Any]:
    """The annotations of the first scenes as COCO has them."""
    boxes = [(seed, *box) for seed in range(count) for box in scene(seed)[1]]
    told = {
        "images": [{"id": s, "file_name": f"{s:03}.png", "width": SIDE, "height": SIDE} for s in range(count)],
        "categories": [{"id": 10 * k, "name": name} for k, name in enumerate(NAMES)],
        "annotations": [
            {"id": i, "image_id": seed, "category_id": 10 * NAMES.index(kind), "bbox": [a, b, c - a, d - b]}
            for i, (seed, kind, a, b, c, d) in enumerate(boxes)
        ],
    }
    return told | changes


def _as_coco(folder: Path, told: dict[str, Any]) -> Path:
    for file in (folder / "annotations").glob("*.xml"):
        file.unlink()
    (folder / "annotations" / "instances.json").write_text(json.dumps(told))
    return folder


def _as_yolo(folder: Path, count: int, names: str = "square\ndisc\n") -> Path:
    for file in (folder / "annotations").glob("*.xml"):
        file.unlink()
    (folder / "labels").mkdir()
    for seed in range(count):
        if boxes := scene(seed)[1]:
            lines = [
                f"{NAMES.index(k)} {(a + c) / 2 / SIDE} {(b + d) / 2 / SIDE} {(c - a) / SIDE} {(d - b) / SIDE}"
                for k, a, b, c, d in boxes
            ]
            (folder / "labels" / f"{seed:03}.txt").write_text("\n".join(lines) + "\n")
    (folder / "classes.txt").write_text(names)
    return folder


def _kinds(folder: Path) -> dict[str, str]:
    return {finding.kind: finding.message for finding in left_out(read(folder, problem="boxes"))}


def test_coco_and_yolo_say_the_same_as_pascal_voc(tmp_path: Path) -> None:
    theirs = scenes(9)
    for name, folder in {
        "COCO": _as_coco(write_scenes(tmp_path / "coco", 9), _coco(9)),
        "YOLO": _as_yolo(write_scenes(tmp_path / "yolo", 9), 9),
    }.items():
        domain = read(folder, problem="boxes")
        assert domain.layout.endswith(f"holds 9 scenes, with {name} annotations")
        assert domain.posed.cells(domain.y, domain.samples) == theirs.posed.cells(theirs.y, theirs.samples)


def test_a_picture_without_a_file_of_yolo_is_one_without_things(tmp_path: Path) -> None:
    domain = read(_as_yolo(write_scenes(tmp_path, 9), 9), problem="boxes")
    assert len(domain) == 9 and len(domain.y[7]) == 0
    assert "taken for one without things: images/007.png" in _kinds(tmp_path)["without-boxes"]


def test_names_of_yolo_are_read_from_yaml(tmp_path: Path) -> None:
    folder = _as_yolo(write_scenes(tmp_path, 3), 3)
    (folder / "classes.txt").unlink()
    (folder / "data.yaml").write_text("train: images\nnc: 2\nnames: ['square', \"disc\"]\n")
    assert read(folder, problem="boxes").posed.names == ("disc", "square")
    (folder / "data.yaml").write_text("names:\n  0: square\n  1: disc\nnc: 2\n")
    assert read(folder, problem="boxes").posed.names == ("disc", "square")
    (folder / "data.yaml").write_text("nc: 2\n")
    with pytest.raises(DataError, match=r"write a name on each line of classes\.txt"):
        read(folder, problem="boxes")


@pytest.mark.parametrize(
    ("file", "names", "message"),
    [
        ("data.yaml", "names:\n  1: square\n  2: disc\n", r"data\.yaml numbers its names as 1, 2: .* from 0"),
        ("data.yaml", "names:\n  1: disc\n  0: square\n", r"data\.yaml numbers its names as 1, 0: .* from 0"),
        ("data.yaml", "names: ['', square, disc,]\n", r"000\.txt, line 1, is of class 0, of which the name is empty"),
        ("classes.txt", "\nsquare\ndisc\n\n", r"000\.txt, line 1, is of class 0, of which the name is empty"),
    ],
)
def test_a_name_of_yolo_is_of_the_number_where_it_stands(file: str, names: str, message: str, tmp_path: Path) -> None:
    folder = _as_yolo(write_scenes(tmp_path, 1), 1)
    (folder / "labels" / "000.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "classes.txt").unlink()
    (folder / file).write_text(names)
    with pytest.raises(DataError, match=message):
        read(folder, problem="boxes")


def test_an_annotation_of_either_of_two_pictures_is_refused(tmp_path: Path) -> None:
    folder = _as_yolo(write_scenes(tmp_path, 2), 2)
    (folder / "small").mkdir()
    (folder / "small" / "000.png").write_bytes((folder / "images" / "000.png").read_bytes())
    with pytest.raises(DataError, match=r"labels/000\.txt may be about images/000\.png or small/000\.png"):
        read(folder, problem="boxes")


def test_two_formats_at_once_are_refused(tmp_path: Path) -> None:
    write_scenes(tmp_path, 2)
    (tmp_path / "instances.json").write_text(json.dumps(_coco(2)))
    with pytest.raises(DataError, match=r"Pascal VOC annotations .*000\.xml.* and COCO annotations .*Keep one"):
        read(tmp_path, problem="boxes")
    (tmp_path / "instances.json").write_text(json.dumps({"about": "something else"}))
    assert len(read(tmp_path, problem="boxes")) == 2


def test_pictures_and_annotations_of_coco_without_one_another_are_said(tmp_path: Path) -> None:
    told = _coco(3)
    told["images"] = [*told["images"][:2], {"id": 2, "file_name": "gone.png"}]
    told["annotations"][0]["iscrowd"] = 1
    found = _kinds(_as_coco(write_scenes(tmp_path, 3), told))
    assert "images/002.png" in found["unannotated"] and "gone.png" in found["ignored-annotation"]
    assert "of a crowd, left out" in found["crowd"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 0, "name": "square"}]}, "category_id 10, which is not among its categories"),
        ({"categories": [{"id": 0, "name": name} for name in NAMES]}, "two categories of the id 0"),
        ({"images": []}, "image_id 0, which is not among its images"),
        ({"images": [{"id": 1}]}, "number 1 of 'images' lacks one of id, file_name"),
        ({"annotations": [{"image_id": 1, "category_id": 0, "bbox": [1, 2]}]}, "a box is four numbers"),
        ({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}, "two images of the id 1"),
        ({"images": [{"id": [1], "file_name": "a"}]}, "a list where a number or a name belongs"),
    ],
)
def test_damaged_coco_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(_as_coco(write_scenes(tmp_path, 4), _coco(4, **changes)), problem="boxes")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", "is of class 2, and there are 2 names"),
        ("0 0.5 0.5 0.1", "each line holds the number of a class"),
        ("square 0.5 0.5 0.1 0.1", "each line holds the number of a class"),
        ("0 48 48 20 20", "which are pixels"),
        ("0 nan 0.5 0.1 0.1", "four finite numbers"),
        ("² 0.5 0.5 0.1 0.1", "each line holds the number of a class"),
    ],
)
def test_damaged_yolo_is_named(line: str, message: str, tmp_path: Path) -> None:
    folder = _as_yolo(write_scenes(tmp_path, 2), 2)
    (folder / "labels" / "001.txt").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"001\.txt, line 2,.*{message}"):
        read(folder, problem="boxes")
