"""Which files are examples of each kind, by the ending of their names, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from transferium.data.domain import Kind
from transferium.data.images import sniff as images
from transferium.data.samples import Files, SoundFiles
from transferium.data.sounds import sniff as sounds


@dataclass(frozen=True)
class ExampleFiles:
    """The files of one kind of example.

    ``readable`` are the endings of their names (lower case) and the format that each promises; ``endings`` also those
    of files that are examples and cannot be read, so that this is said. ``samples`` opens them.
    """

    readable: Mapping[str, str]
    endings: Mapping[str, str]
    samples: type[Files]


EXAMPLE_FILES: dict[Kind, ExampleFiles] = {
    "image": ExampleFiles(images.SUFFIXES, images.PICTURES, Files),
    "sound": ExampleFiles(sounds.SUFFIXES, sounds.RECORDINGS, SoundFiles),
}
"""Texts and rows are cells of tables. Of a folder with files of several kinds, the kind with most files is read."""


def ending(name: str) -> str:
    """The ending of a file's name with its dot, in lower case."""
    return name[name.rfind(".") :].lower() if "." in name else ""


def kind_of_files(names: Iterable[str]) -> Kind:
    """The kind of example of which there are most among files; images where there are none.

    >>> kind_of_files(["a/1.wav", "a/2.flac", "cover.jpg"])
    'sound'
    """
    endings = [ending(name) for name in names]
    counts = {kind: sum(one in files.endings for one in endings) for kind, files in EXAMPLE_FILES.items()}
    return max(counts, key=lambda kind: counts[kind])


def kind_of_path(value: Any) -> Kind | None:
    """The kind of example whose file a text may name by how it ends; None for any other text.

    >>> kind_of_path("ants/A 1.JPG"), kind_of_path("a.wav"), kind_of_path("Who shot Popeye ?")
    ('image', 'sound', None)
    """
    if not isinstance(value, str) or "\n" in value:
        return None
    last = PurePosixPath(value).suffix.lower()
    return next((kind for kind, files in EXAMPLE_FILES.items() if last in files.readable), None)
