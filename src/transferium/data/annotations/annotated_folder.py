"""Folders of pictures and annotations as domains of scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from transferium.data.annotations.coco import COCO
from transferium.data.annotations.found import Found
from transferium.data.annotations.pascal_voc import PASCAL_VOC
from transferium.data.annotations.yolo import YOLO
from transferium.data.domain import PARTS, Domain
from transferium.data.folders.example_files import EXAMPLE_FILES, ending
from transferium.data.folders.listing import list_folder
from transferium.data.folders.part_names import is_exact, part_of
from transferium.data.samples import Files
from transferium.data.scenes.box_cells import place_boxes
from transferium.data.scenes.scenes import Scenes
from transferium.errors import DataError
from transferium.problems.boxes import Boxes
from transferium.system.printable import printable, shown

FORMATS = (PASCAL_VOC, COCO, YOLO)
"""The formats of annotations that a folder may hold, one of them."""


def read_scenes(path: Path, name: str, whole: bool) -> Domain:
    """Pictures with their boxes; with ``whole`` all pictures, and labels only where every one has an annotation.

    A folder holds pictures and, in any folders of it, annotations. Pictures without an annotation are left out, and
    annotations without a picture: both are said. A picture of which the annotation has no box is one without things.
    Folders called as parts (``train``, ``val``, ``test``) divide it. Raises ``DataError`` for annotations of two kinds.
    """
    if path.is_file():
        if ending(path.name) not in EXAMPLE_FILES["image"].endings:
            raise DataError(f"{path} holds no scenes: give a picture, or a folder with images/ and annotations/.")
        samples = Scenes(Files(path.parent, [path.name]))
        return Domain(samples, "scene", ids=printable([path.name]), name=name)
    try:
        top = list_folder(path, "image").top
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}. Give a folder that may be read.") from error
    pictures, others = top.all_examples(), top.all_others()
    if not pictures:
        readable = ", ".join(sorted(EXAMPLE_FILES["image"].readable))
        raise DataError(f"{path} holds no pictures ({readable}): give a folder with images/ and annotations/.")
    called, found = _annotations(path, pictures, others)
    known = [picture for picture in pictures if picture in found.boxes]
    if not known or (whole and len(known) < len(pictures)):
        told = {"labels": known} if known else found.noted
        samples = Scenes(Files(path, pictures))
        layout = _said(path, pictures, "")
        return Domain(samples, "scene", printable(pictures), name=name, ignored=_named(told), layout=layout)
    samples, ids = Scenes(Files(path, known)), printable(known)
    placing = place_boxes(samples, ids, [found.boxes[picture] for picture in known])
    labels, problem = Boxes.read(placing.cells, str(path))
    left = {"unannotated": [p for p in pictures if p not in found.boxes], **found.noted} | placing.wrong
    domain = Domain(samples, "scene", ids, labels, problem, name=name, ignored=_named(left))
    return replace(domain, parts=_parts(known), layout=_said(path, known, called))


def _named(left: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """What was left aside, by reason, as ``Domain.ignored`` has it."""
    return {reason: tuple(printable(names)) for reason, names in left.items() if names}


def _annotations(root: Path, pictures: list[str], others: list[str]) -> tuple[str, Found]:
    """What the annotations of the one format that there is are called, and what they say."""
    there = {one: files for one in FORMATS if (files := one.files(root, pictures, others))}
    if len(there) > 1:
        listed = " and ".join(f"{one.called} ({shown(files[0])})" for one, files in there.items())
        raise DataError(f"{root} holds {listed}: nobody knows which are right. Keep one, and move the others.")
    for one, files in there.items():
        return one.called, one.read(root, pictures, files, others)
    return "", Found()


def _parts(pictures: list[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]] | None:
    """The part of each picture by the folder that it lies in; None where not all lie in one."""
    parts = []
    for picture in pictures:
        named = [part_of(folder) for folder in PurePosixPath(picture).parts[:-1] if is_exact(folder)]
        parts.append(named[0] if named and named[0] in PARTS else "")
    return np.array(parts) if all(parts) else None


def _said(root: Path, pictures: list[str], how: str) -> str:
    scenes = f"{len(pictures):,} scene{'s' * (len(pictures) != 1)}"
    return f"{shown(str(root))} holds {scenes}, {f'with {how}' if how else 'without annotations'}"
