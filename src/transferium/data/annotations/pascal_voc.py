"""Annotations of Pascal VOC: an XML file for each picture, as labelImg and others write them."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from transferium.data.annotations.found import Format, Found, by_part, nearest
from transferium.data.folders.example_files import ending
from transferium.data.scenes.box_cells import Annotated, four_numbers
from transferium.errors import DataError, refusing
from transferium.system.checked_files import read_file

LARGEST = 2**24
"""Bytes of an annotation: one of thousands of boxes is far smaller."""
SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(path: Path) -> tuple[str, Annotated]:
    """The name of the picture that the file says it is of, without folders, and its boxes; places count from 0.

    Raises ``DataError`` with what is missing.
    """
    with refusing(DataError, f"{path} cannot be read as an annotation", "."):
        root = ElementTree.fromstring(read_file(path, LARGEST))
    if root.tag != "annotation":
        raise DataError(f"{path} holds <{root.tag}>, and an annotation of Pascal VOC begins with <annotation>.")
    boxes = []
    for number, thing in enumerate(root.iter("object"), start=1):
        where, name = f"{path}, object {number},", (thing.findtext("name") or "").strip()
        if not name:
            raise DataError(f"{where} has no <name>: say of which class it is.")
        sides = [_text(thing, f"bndbox/{side}", where) for side in SIDES]
        boxes.append((name, *four_numbers(sides, where)))
    width, height = (_number(root.findtext(f"size/{side}")) for side in ("width", "height"))
    name = (root.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
    return name, Annotated(boxes, (width, height) if min(width, height) > 0 else None)


def _text(thing: Any, path: str, where: str) -> str:
    found = thing.findtext(path)
    if found is None or not found.strip():
        raise DataError(f"{where} has no <{path.replace('/', '><')}>: a box has {', '.join(SIDES)}.")
    return str(found)


def _number(text: str | None) -> float:
    """A size; 0 where none is given, as some programs write it."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _files(_root: Path, _pictures: list[str], others: list[str]) -> list[str]:
    return [name for name in others if ending(name) == ".xml"]


def _read_all(root: Path, pictures: list[str], files: list[str], _others: list[str]) -> Found:
    """One file for each picture, which is called like it, or else names it; of several (a mask), the named one."""
    found, by_name, by_stem = Found(), by_part(pictures, "name"), by_part(pictures, "stem")
    for file in files:
        named, annotated = read_voc(root / file)
        alike = by_stem.get(PurePosixPath(file).stem) or by_name.get(named) or []
        said = [picture for picture in alike if PurePosixPath(picture).name == named]
        picture = nearest(file, said or alike)
        if picture is None:
            found.note("annotations", file)
        else:
            found.take(picture, annotated, file)
    return found


PASCAL_VOC = Format("Pascal VOC annotations", _files, _read_all)
