"""Annotations of YOLO: a text file for each picture, with a class number and a box in shares on each line."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from transferium.data.annotations.found import Format, Found, by_part, nearest
from transferium.data.folders.example_files import ending
from transferium.data.scenes.box_cells import Annotated, four_numbers
from transferium.errors import DataError, refusing
from transferium.system.checked_files import read_file

LARGEST = 2**24
NAMES = ("classes.txt", "obj.names", "labels.txt", "_darknet.labels")
"""Files with the name of a class on each line; else the names are in a YAML file, as ``names``."""
FOLDER = "labels"
SHOULD = "each line holds the number of a class, then middle, width and height of a box as shares: 0 0.5 0.5 0.2 0.4"


def _files(_root: Path, pictures: list[str], others: list[str]) -> list[str]:
    """Text files that lie in a folder ``labels`` or are called like a picture."""
    stems = by_part(pictures, "stem")
    texts = [name for name in others if ending(name) == ".txt" and PurePosixPath(name).name not in NAMES]
    return [name for name in texts if FOLDER in PurePosixPath(name).parts[:-1] or PurePosixPath(name).stem in stems]


def _read_all(root: Path, pictures: list[str], files: list[str], others: list[str]) -> Found:
    """One file for each picture; a picture without a file is one without things, as YOLO means it, and that is said."""
    found, by_stem, names = Found(), by_part(pictures, "stem"), _names(root, others)
    for file in files:
        boxes = _boxes(root / file, names)
        picture = nearest(file, by_stem.get(PurePosixPath(file).stem, []))
        if picture is None:
            found.note("annotations", file)
        else:
            found.take(picture, Annotated(boxes, None, shares=True), file)
    for picture in pictures:
        if picture not in found.boxes:
            found.take(picture, Annotated([], None, shares=True), picture)
            found.note("negatives", picture)
    return found


def _boxes(path: Path, names: list[str]) -> list[tuple[str, float, float, float, float]]:
    boxes = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        where, cells = f"{path}, line {number},", line.split()
        if not cells:
            continue
        if len(cells) != 5 or not cells[0].isdecimal():
            raise DataError(f"{where} holds {line.strip()!r:.60}: {SHOULD}.")
        if int(cells[0]) >= len(names):
            raise DataError(f"{where} is of class {cells[0]}, and there are {len(names)} names, from 0 on.")
        if not names[int(cells[0])]:
            raise DataError(f"{where} is of class {cells[0]}, of which the name is empty: name it.")
        x, y, width, height = four_numbers(cells[1:], where)
        if max(x, y, width, height) > 2:
            raise DataError(f"{where} holds {line.strip()!r:.60}, which are pixels: {SHOULD}.")
        boxes.append((names[int(cells[0])], x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    return boxes


def _names(root: Path, others: list[str]) -> list[str]:
    """The names of the classes; raises ``DataError`` where they are nowhere."""
    lists = [name for name in others if PurePosixPath(name).name in NAMES]
    yamls = [name for name in others if ending(name) in (".yaml", ".yml")]
    given = {name: [line.strip() for line in _text(root / name).rstrip().split("\n")] for name in lists}
    given |= {name: found for name in yamls if (found := _of_yaml(_text(root / name), str(root / name)))}
    different = list(dict.fromkeys(map(tuple, given.values())))
    if len(different) > 1:
        raise DataError(f"{root}: {' and '.join(list(given)[:3])} give other names of classes: keep the right one.")
    if not different:
        raise DataError(f"{root} does not say what its classes are called: write a name on each line of classes.txt.")
    return list(different[0])


def _of_yaml(text: str, where: str) -> list[str]:
    r"""What stands under ``names``: a list in brackets or with dashes, or numbers with names.

    Raises ``DataError`` for numbers that are not 0, 1, 2 and so on.

    >>> _of_yaml("nc: 2\nnames: ['cat', dog]", ""), _of_yaml("names:\n  0: cat\n  1: dog\ntrain: x", "")
    (['cat', 'dog'], ['cat', 'dog'])
    """
    found = re.search(r"^names:[ \t]*(\[[^\]]*\]|(?:\n[ \t]*(?:-|\d+:)[^\n]*)+)", text.replace("\r", ""), re.M)
    if found is None:
        return []
    inside = found[1]
    cells = inside.strip("[], \n").split(",") if inside.startswith("[") else inside.strip("\n").split("\n")
    if (numbers := [int(number) for number in re.findall(r"^[ \t]*(\d+):", inside, re.M)]) != [*range(len(numbers))]:
        raise DataError(f"{where} numbers its names as {str(numbers)[1:-1]:.60}: number all of them in order, from 0.")
    return [re.sub(r"^\s*(?:-|\d+:)\s*", "", cell).strip().strip("'\"") for cell in cells]


def _text(path: Path) -> str:
    with refusing(DataError, f"{path} cannot be read", "."):
        return read_file(path, LARGEST).decode("utf-8-sig")


YOLO = Format("YOLO annotations", _files, _read_all)
