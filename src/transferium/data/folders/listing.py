"""The contents of a folder and of all folders below it, by name and in order; what is not opened is named."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from transferium.data.domain import Kind
from transferium.data.folders.example_files import EXAMPLE_FILES, ending, kind_of_files

LITTER = frozenset(
    {"__macosx", "__pycache__", "@eadir", "@recycle", "#recycle", "$recycle.bin", "system volume information"}
    | {"thumbnails", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini"}
)
"""Names (lower case) of what systems and programs leave in folders: their thumbnails are no examples."""

_KINDS = tuple(EXAMPLE_FILES.values())

DEEPEST = 64
"""Folders this far below the root are not opened: nobody's data set, and a trap for programs."""


@dataclass
class Folder:
    """A folder and what is below it; names are relative to the data's root, with ``/`` between folders.

    ``examples`` are its files of ``kind``, an image or a sound each; ``others`` all other files.
    """

    name: str
    folders: list[Folder] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    kind: Kind = "image"

    @property
    def label(self) -> str:
        """The folder's own name in one Unicode form: two systems may write the same name in two."""
        return unicodedata.normalize("NFC", self.name.rpartition("/")[2])

    def below(self) -> Iterator[Folder]:
        """This folder, then all below it, in order."""
        yield self
        for folder in self.folders:
            yield from folder.below()

    def all_examples(self) -> list[str]:
        return [name for folder in self.below() for name in folder.examples]

    def all_others(self) -> list[str]:
        return [name for folder in self.below() for name in folder.others]

    def holds_examples(self) -> bool:
        return any(folder.examples for folder in self.below())


@dataclass
class Listing:
    """Everything below a root: its ``top`` folder, and by reason the names of what was not opened."""

    top: Folder
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave(self, reason: str, name: str) -> None:
        """Note that ``name`` was not opened."""
        self.left_out.setdefault(reason, []).append(name)


def list_folder(root: Path, kind: Kind | None = None) -> Listing:
    """Everything below ``root``. Hidden files and litter are left out.

    Examples are files of ``kind`` where such examples can be files, else of the kind of which there are most.

    Links to folders are followed, and after everything else: not in a circle, and inside a linked folder not to a
    folder that was read already, so that links to links end. Raises ``OSError`` where ``root`` cannot be opened.
    """
    listing = Listing(Folder(""))
    walk = _Walk(root, listing)
    walk.read(listing.top, (_identity(root),), linked=False)
    while walk.links:
        links, walk.links = walk.links, []
        for parent, name, above, linked in links:
            there = _identity(root / name)
            if there in above or (linked and there in walk.seen):
                listing.leave("circles", name)
            else:
                walk.enter(parent, name, above, linked=True)
    for folder in listing.top.below():
        folder.folders.sort(key=lambda inner: inner.name)
    _sort_out(listing.top, kind if kind in EXAMPLE_FILES else kind_of_files(listing.top.all_others()))
    return listing


def _sort_out(top: Folder, kind: Kind) -> None:
    """Take files of ``kind`` for examples."""
    endings = EXAMPLE_FILES[kind].endings
    for folder in top.below():
        folder.kind, files = kind, folder.others
        folder.examples = [name for name in files if ending(name) in endings]
        folder.others = [name for name in files if ending(name) not in endings]


_Ids = tuple[tuple[int, int], ...]


class _Walk:
    """A walk through real folders; the links that it meets are kept in ``links``."""

    def __init__(self, root: Path, listing: Listing) -> None:
        self.root, self.listing = root, listing
        self.seen: set[tuple[int, int]] = set()
        self.links: list[tuple[Folder, str, _Ids, bool]] = []

    def read(self, folder: Folder, above: _Ids, *, linked: bool) -> None:
        """Fill ``folder`` and all below it; ``above`` are the folders that it lies in, and itself."""
        self.seen.add(above[-1])
        start = f"{folder.name}/" if folder.name else ""
        with os.scandir(self.root / folder.name) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            name = start + entry.name
            if entry.name.startswith((".", "~$")) or entry.name.lower() in LITTER:
                if entry.is_dir(follow_symlinks=False) or any(
                    ending(name) in f.endings for f in EXAMPLE_FILES.values()
                ):
                    self.listing.leave("hidden", name)
            elif not _is_folder(entry):
                folder.others.append(name)
            elif entry.is_symlink():
                self.links.append((folder, name, above, linked))
            else:
                self.enter(folder, name, above, linked=linked)

    def enter(self, parent: Folder, name: str, above: _Ids, *, linked: bool) -> None:
        """Read the folder ``name`` into ``parent``; where it cannot be opened, say so."""
        folder = Folder(name)
        if name.count("/") >= DEEPEST:
            self.listing.leave("deep", name)
            return
        try:
            self.read(folder, (*above, _identity(self.root / name)), linked=linked)
        except OSError as error:
            self.listing.leave("closed", f"{name} ({error.strerror})")
            return
        parent.folders.append(folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or leads to one; a link that leads to itself is a file that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino
