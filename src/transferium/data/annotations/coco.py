"""Annotations of COCO: JSON files with lists of images, annotations and categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferium.data.annotations.found import Format, Found, by_part, nearest
from transferium.data.folders.example_files import ending
from transferium.data.scenes.box_cells import Annotated, four_numbers
from transferium.errors import DataError, refusing
from transferium.system.checked_files import parse_json, read_file

LARGEST = 2**30
"""Bytes of a file of annotations: that of COCO's 118,000 training pictures takes 450 MB."""
LISTS = ("images", "annotations", "categories")


def _files(root: Path, _pictures: list[str], others: list[str]) -> list[str]:
    """The JSON files that begin as such a file may: not those of other things that lie about."""
    return [name for name in others if ending(name) == ".json" and _parsed(root / name) is not None]


def _parsed(path: Path) -> Mapping[str, Any] | None:
    """The content of a file of annotations; None where it holds something else."""
    with refusing(DataError, f"{path} cannot be read as JSON", "."):
        told = parse_json(read_file(path, LARGEST))
    is_one = isinstance(told, Mapping) and all(isinstance(told.get(name), list) for name in LISTS)
    return told if is_one else None


def _read_all(root: Path, pictures: list[str], files: list[str], _others: list[str]) -> Found:
    """All images of the files; one without annotations is a picture without things. Regions of crowds are left out."""
    found, by_name = Found(), by_part(pictures, "name")
    for file in files:
        told = _parsed(root / file)
        assert told is not None
        categories = _objects(told, "categories", ("id", "name"), root / file)
        images = _objects(told, "images", ("id", "file_name"), root / file)
        for which, objects in (("categories", categories), ("images", images)):
            if twice := [known for known, times in Counter(one["id"] for one in objects).items() if times > 1]:
                raise DataError(f"{root / file} has two {which} of the id {twice[0]!r}: an id is of one alone.")
        names = {one["id"]: str(one["name"]) for one in categories}
        boxes: dict[Any, list[Any]] = {image["id"]: [] for image in images}
        for number, one in enumerate(_objects(told, "annotations", ("image_id", "category_id", "bbox"), root / file)):
            where = f"{root / file}, annotation {number + 1},"
            if one["image_id"] not in boxes:
                raise DataError(f"{where} is of image_id {one['image_id']!r}, which is not among its images.")
            if one["category_id"] not in names:
                raise DataError(f"{where} is of category_id {one['category_id']!r}, which is not among its categories.")
            left, top, width, height = four_numbers(one["bbox"], where)
            if one.get("iscrowd"):
                found.note("crowds", file)
                continue
            boxes[one["image_id"]].append((names[one["category_id"]], left, top, left + width, top + height))
        for image in images:
            name = str(image["file_name"]).replace("\\", "/").rpartition("/")[2]
            picture = nearest(f"{file}/{image['file_name']}", by_name.get(name, []))
            if picture is None:
                found.note("annotations", f"{file}: {name}")
            else:
                found.take(picture, Annotated(boxes[image["id"]], _sides(image)), file)
    return found


def _objects(told: Mapping[str, Any], which: str, facts: tuple[str, ...], path: Path) -> list[Mapping[str, Any]]:
    """The objects of one list; raises ``DataError`` for one that lacks a fact."""
    for number, one in enumerate(told[which], start=1):
        if not isinstance(one, Mapping) or any(one.get(fact) is None for fact in facts):
            raise DataError(f"{path}: number {number} of {which!r} lacks one of {', '.join(facts)}.")
        if any(isinstance(one[fact], (list, dict)) for fact in facts if fact != "bbox"):
            raise DataError(f"{path}: number {number} of {which!r} has a list where a number or a name belongs.")
    return list(told[which])


def _sides(image: Mapping[str, Any]) -> tuple[float, float] | None:
    width, height = image.get("width"), image.get("height")
    if not (isinstance(width, (int, float)) and isinstance(height, (int, float))):
        return None
    return (float(width), float(height)) if 0 < width < 1e9 and 0 < height < 1e9 else None


COCO = Format("COCO annotations", _files, _read_all)
