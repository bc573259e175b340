"""Scenes: pictures with boxes in folders and in memory, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from transferium.data.doctor.left_out import left_out
from transferium.data.read import read, read_path
from transferium.errors import DataError, InputError, TransferiumWarning
from worlds.scenes import SIDE, scene, scenes, write_scenes, xml


def _write(folder: Path, name: str, text: str) -> Path:
    (folder / "annotations" / name).write_text(text)
    return folder


def _found(folder: Path) -> dict[str, str]:
    return {finding.kind: finding.message for finding in left_out(read(folder, problem="boxes"))}


def test_a_folder_of_pascal_voc_is_read(tmp_path: Path) -> None:
    domain = read(write_scenes(tmp_path, 9), problem="boxes")
    assert (domain.kind, len(domain), domain.posed.names) == ("scene", 9, ("disc", "square"))
    assert domain.layout.endswith("holds 9 scenes, with Pascal VOC annotations") and not domain.ignored
    assert domain.posed.cells(domain.y, domain.samples) == domain.posed.cells(scenes(9).y, scenes(9).samples)
    assert len(domain.y[7]) == 0, "a picture without things is kept"


def test_folders_of_parts_divide_the_pictures(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_scenes(tmp_path / part, 4, start=10 if part == "test" else 0)
    domain = read(tmp_path, problem="boxes")
    assert domain.parts is not None and domain.parts.tolist() == ["test"] * 4 + ["train"] * 4


def test_pictures_of_one_name_have_the_annotation_of_their_folder(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("test", 0)):
        write_scenes(tmp_path / part, 3, start)
    _write(tmp_path / "test", "001.xml", xml("001.png", []))
    domain = read(tmp_path, problem="boxes")
    boxes = dict(zip(domain.ids, map(len, domain.y), strict=True))
    assert boxes["test/images/001.png"] == 0 and boxes["train/images/001.png"] == len(scene(1)[1]) > 0


def test_pictures_without_annotation_and_the_reverse_are_said(tmp_path: Path) -> None:
    write_scenes(tmp_path, 5)
    (tmp_path / "annotations" / "001.xml").unlink()
    (tmp_path / "images" / "002.png").unlink()
    found = _found(tmp_path)
    assert found["unannotated"].startswith("1 picture without an annotation, left aside: images/001.png")
    assert found["ignored-annotation"].startswith("1 annotation of a picture that is not there: annotations/002.xml")


def test_annotations_of_none_of_the_pictures_are_said(tmp_path: Path) -> None:
    write_scenes(tmp_path, 1)
    (tmp_path / "annotations" / "000.xml").rename(tmp_path / "annotations" / "gone.xml")
    _write(tmp_path, "gone.xml", xml("gone.png", []))
    assert read(tmp_path, problem="boxes").labels is None
    assert "not there: annotations/gone.xml" in _found(tmp_path)["ignored-annotation"]


def test_of_a_picture_and_its_mask_the_named_one_has_the_boxes(tmp_path: Path) -> None:
    write_scenes(tmp_path, 2)
    (tmp_path / "a mask").mkdir()
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "a mask" / "000.bmp")
    domain = read(tmp_path, problem="boxes")
    assert domain.ids == ["images/000.png", "images/001.png"]
    assert "a mask/000.bmp" in _found(tmp_path)["unannotated"]


def test_a_picture_with_damaged_exif_is_unreadable_and_no_fault(tmp_path: Path) -> None:
    write_scenes(tmp_path, 2)
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "images" / "000.png", exif=b"Exif\0\0no TIFF at all")
    assert len(read(tmp_path, problem="boxes").y[0]) == 0


def test_boxes_beyond_the_picture_are_cut_and_empty_ones_left_out(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3)
    empty = [("disc", 20, 20, 20, 40), ("disc", 200, 200, 220, 220), ("disc", 40, 40, 30, 60)]
    odd = [("square", -5, 10, 50, 120), *empty]
    _write(tmp_path, "001.xml", xml("001.png", odd))
    domain, found = read(tmp_path, problem="boxes"), _found(tmp_path)
    assert len(domain.y[1]) == 1 and domain.y[1][0, 1:].tolist() == pytest.approx([0, 10 / SIDE, 50 / SIDE, 1])
    assert "boxes that reach beyond it, cut at its side: images/001.png" in found["clipped-box"]
    assert "boxes of no area inside of it, which are left out: images/001.png" in found["empty-box"]


def test_an_annotation_of_another_shape_is_said_and_of_another_size_scaled(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3)
    _write(tmp_path, "001.xml", xml("001.png", [("disc", 0, 0, 96, 96)], (2 * SIDE, 2 * SIDE)))
    _write(tmp_path, "002.xml", xml("002.png", [("disc", 0, 0, 96, 96)], (2 * SIDE, SIDE)))
    domain = read(tmp_path, problem="boxes")
    assert domain.y[1][0, 1:].tolist() == [0, 0, 0.5, 0.5]
    said = _found(tmp_path)["other-shape"]
    assert "other proportions than its annotation says: look at its boxes: images/002.png" in said


def test_a_turned_picture_has_its_upright_sides(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    domain = read([str(tmp_path / "turned.jpg")], label=[[{"label": "a", "box": [0, 0, 10, 40]}]], problem="boxes")
    assert domain.y[0][0, 1:].tolist() == [0, 0, 0.5, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", "cannot be read as an annotation"),
        ("<svg/>", "holds <svg>, and an annotation of Pascal VOC begins with <annotation>"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1, has no <name>"),
        ("<annotation><object><name>a</name></object></annotation>", "object 1, has no <bndbox><xmin>"),
        (xml("001.png", [("a", 0, 0, 9, 9)]).replace(">9<", ">nan<", 1), "four finite numbers"),
        (xml("001.png", [("a", 0, 0, 9, 9)]).replace(">9<", ">wide<", 1), "a box is four numbers"),
    ],
)
def test_a_damaged_annotation_is_named(content: str, message: str, tmp_path: Path) -> None:
    _write(write_scenes(tmp_path, 2), "001.xml", content)
    with pytest.raises(DataError, match=message) as raised:
        read(tmp_path, problem="boxes")
    assert "001.xml" in str(raised.value)


def test_two_annotations_of_a_picture_are_refused(tmp_path: Path) -> None:
    _write(write_scenes(tmp_path, 2), "again.xml", xml("001.png", []))
    with pytest.raises(DataError, match=r"two annotations of images/001\.png"):
        read(tmp_path, problem="boxes")


def test_pictures_alone_have_no_labels_and_are_answered(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3)
    domain = read_path(tmp_path / "images", problem="boxes", whole=True)
    assert (domain.kind, domain.labels, len(domain)) == ("scene", None, 3)
    assert read_path(tmp_path / "images" / "000.png", expected="scene").kind == "scene"
    (tmp_path / "annotations" / "001.xml").unlink()
    assert len(read_path(tmp_path, problem="boxes", whole=True)) == 3, "all of them, though one has no annotation"


def test_what_is_no_scene_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text("image,label\na.png,cat\n")
    with pytest.raises(DataError, match="holds no scenes: give a picture, or a folder"):
        read(table, problem="boxes")
    with pytest.raises(DataError, match="holds no pictures"):
        read(tmp_path, problem="boxes")
    with pytest.raises(InputError, match="no table, and label was named"):
        read(write_scenes(tmp_path / "data", 1), problem="boxes", label="label")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("cat", "give a list of boxes"),
        ("[{", "no list in JSON"),
        ([{"box": [0, 0, 1, 1]}], "a box without 'label'"),
        ([{"label": "a", "box": [0, 0, 1]}], "a box is four numbers"),
        ([3], "a box is an object with 'label' and 'box'"),
    ],
)
def test_a_cell_that_is_no_box_is_named(cell: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"row 1 .*{message}"):
        read([np.zeros((8, 8, 3), np.uint8)], label=[cell], problem="boxes")


def test_boxes_in_memory_that_are_changed_are_warned_of() -> None:
    with pytest.warns(TransferiumWarning, match="boxes reach beyond the picture.*in 1 rows, row 1 is the first"):
        read([np.zeros((8, 8, 3), np.uint8)], label=['[{"label": "a", "box": [0, 0, 9, 8]}]'], problem="boxes")
