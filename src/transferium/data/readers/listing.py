"""The contents of a folder: images, folders and other files, by name and in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transferium.data.images.sniff import SUFFIXES

_LITTER = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__"}


@dataclass(frozen=True)
class Listing:
    """Names relative to the data's root, with ``/`` between folders; hidden files are not among them."""

    folders: Sequence[str]
    images: Sequence[str]
    others: Sequence[str]


def list_folder(root: Path, under: str = "") -> Listing:
    """One folder, not what lies below it."""
    start = f"{under}/" if under else ""
    with os.scandir(root / under) as entries:
        seen = [(entry.name, entry.is_dir()) for entry in entries if not _is_hidden(entry.name)]
    folders = sorted(start + name for name, is_folder in seen if is_folder)
    return Listing(folders, *_sorted_files(start, [name for name, is_folder in seen if not is_folder]))


def list_below(root: Path, under: str) -> Listing:
    """Everything below a folder; links to folders further down are not followed, so that there are no circles."""
    images: list[str] = []
    others: list[str] = []
    for where, inner, files in os.walk(root / under):
        inner[:] = sorted(name for name in inner if not _is_hidden(name))
        here = _sorted_files(Path(where).relative_to(root).as_posix() + "/", files)
        images += here[0]
        others += here[1]
    return Listing((), images, others)


def printable(names: Sequence[str]) -> Sequence[str]:
    """Names that can be written as UTF-8: bytes that a file system allows and UTF-8 does not are replaced.

    >>> printable(["caf\\udce9.png", "猫.png"])
    ['caf\\ufffd.png', '猫.png']
    """
    if all(name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name) for name in names):
        return names
    return [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in names]


def suffix(name: str) -> str:
    """The ending of a file's name with its dot, in lower case."""
    return name[name.rfind(".") :].lower() if "." in name else ""


def _sorted_files(start: str, files: Sequence[str]) -> tuple[list[str], list[str]]:
    names = sorted(start + name for name in files if not _is_hidden(name))
    return [n for n in names if suffix(n) in SUFFIXES], [n for n in names if suffix(n) not in SUFFIXES]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER
