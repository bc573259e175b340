"""What the annotations of a folder say, whatever format they are in, and which picture each of them is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from transferium.data.scenes.box_cells import Annotated
from transferium.errors import DataError
from transferium.system.printable import shown


@dataclass
class Found:
    """Boxes by the name of the picture; by reason (as in ``Domain.ignored``) the names of what else was seen."""

    boxes: dict[str, Annotated] = field(default_factory=dict)
    noted: dict[str, list[str]] = field(default_factory=dict)

    def note(self, reason: str, name: str) -> None:
        """Note something about one file."""
        self.noted.setdefault(reason, []).append(name)

    def take(self, picture: str, annotated: Annotated, file: str) -> None:
        """Keep the boxes of a picture; raises ``DataError`` where it has some already."""
        if picture in self.boxes:
            raise DataError(f"there are two annotations of {shown(picture)}; one is {shown(file)}: keep the right one.")
        self.boxes[picture] = annotated


@dataclass(frozen=True)
class Format:
    """A format of annotations: what it is ``called``, which files of a folder are such, and how all are read.

    ``files(root, pictures, others)`` names them; ``read(root, pictures, files, others)`` reads them, where ``others``
    are all files beside the pictures.
    """

    called: str
    files: Callable[[Path, list[str], list[str]], list[str]]
    read: Callable[[Path, list[str], list[str], list[str]], Found]


def by_part(pictures: list[str], part: str) -> Mapping[str, list[str]]:
    """Pictures by one part of their file names: ``name`` or ``stem``."""
    there: dict[str, list[str]] = {}
    for picture in pictures:
        there.setdefault(getattr(PurePosixPath(picture), part), []).append(picture)
    return there


def nearest(file: str, pictures: list[str]) -> str | None:
    """Of pictures of one name the one that shares most folder names with ``file``; None where there are no pictures.

    Raises ``DataError`` where two share as many.
    """
    folders = Counter(PurePosixPath(file).parts[:-1])
    shared = [(folders & Counter(PurePosixPath(one).parts[:-1])).total() for one in pictures]
    found = [one for one, count in zip(pictures, shared, strict=True) if count == max(shared)]
    if len(found) > 1:
        both = " or ".join(map(shown, found[:2]))
        raise DataError(f"{shown(file)} may be about {both}: leave one, or put it into a folder of the same name.")
    return found[0] if found else None
