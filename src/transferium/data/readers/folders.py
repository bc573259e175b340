"""Folders as domains: class folders, parts, tables inside, or images without labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from transferium.data.domain import PARTS, Domain
from transferium.data.images.sniff import SUFFIXES
from transferium.data.labels import PART_NAMES
from transferium.data.readers.columns import Columns
from transferium.data.readers.listing import Listing, list_below, list_folder, printable, suffix
from transferium.data.readers.parts import join_ignored, join_parts
from transferium.data.readers.table_files import TABLES, read_table
from transferium.data.samples import Files
from transferium.errors import DataError, InputError
from transferium.problems.catalogue import AUTO, kind_of
from transferium.problems.classes import Classes
from transferium.problems.label_cells import sort_names

_SHARD = re.compile(r"[-_.]\d+(-of-\d+)?$")


def read_folder(root: Path, asked: Columns, name: str) -> Domain:
    """Whatever a folder holds: ``train.csv`` and the like, part folders, class folders, one table, or plain images.

    Raises ``DataError`` for a folder without images and tables, and for one that holds several data sets.
    """
    top = list_folder(root)
    tables = [file for file in top.others if suffix(file) in TABLES]
    if by_part := _tables_by_part(root, tables):
        return _read_part_tables(by_part, asked, name)
    below = {folder: list_below(root, folder) for folder in top.folders}
    if len(tables) == 1 and not any(listing.images for listing in below.values()):
        return read_table([root / tables[0]], asked, name)
    if asked.named() or asked.features or asked.kind not in (None, "image"):
        raise InputError(f"{root} is a folder of image files: it has no columns to name and no other kind of example")
    if parts := _part_folders(root, below):
        return _only_classes(_read_part_folders(root, parts, top, name), root, asked)
    _refuse_several(root, below)
    if any(listing.images for listing in below.values()):
        return _only_classes(_class_folders(root, top, below, name), root, asked)
    if not top.images:
        raise DataError(_nothing(root, tables, [*top.others, *chain.from_iterable(b.others for b in below.values())]))
    return _flat(root, top, below, name)


def _only_classes(domain: Domain, root: Path, asked: Columns) -> Domain:
    """``domain`` itself; raises ``InputError`` where its folders are classes and other labels were asked for."""
    kind = kind_of(asked.problem)
    if domain.labels is None or kind in (AUTO, Classes.kind):
        return domain
    raise InputError(
        f"{root} is a folder of image files, whose folders are classes, and {kind} was asked for: write a table with "
        "a column of file names and one of labels."
    )


def _tables_by_part(root: Path, tables: Sequence[str]) -> dict[str, list[Path]]:
    """Tables named after a part: ``train.csv``, ``validation-00000-of-00002.parquet``."""
    by_part: dict[str, list[Path]] = {}
    for table in tables:
        part = PART_NAMES.get(_SHARD.sub("", Path(table).stem).lower())
        if part is not None:
            by_part.setdefault(part, []).append(root / table)
    return by_part


def _read_part_tables(by_part: Mapping[str, list[Path]], asked: Columns, name: str) -> Domain:
    domains: dict[str, Domain] = {}
    for part in sorted(by_part, key=PARTS.index):
        domain = read_table(by_part[part], asked, f"{name}/{part}")
        numbered = asked.id is None and list(domain.ids[:1]) == ["0"]
        domains[part] = replace(domain, ids=[f"{part}/{i}" for i in domain.ids]) if numbered else domain
    return join_parts(domains, name)


def _part_folders(root: Path, below: Mapping[str, Listing]) -> dict[str, str]:
    """Folder by part; none where a folder with images is no part, unless there are a train part and another.

    A class may be called "train" (beside "bus" and "car"), and then it is a class.
    """
    holding = [folder for folder, listing in below.items() if listing.images]
    parts: dict[str, str] = {}
    for folder in holding:
        part = PART_NAMES.get(folder.lower())
        if part in parts:
            raise DataError(f"{root} has two {part} parts, {parts[part]!r} and {folder!r}: merge them or rename one")
        if part is not None:
            parts[part] = folder
    return parts if len(parts) == len(holding) or (len(parts) > 1 and "train" in parts) else {}


def _read_part_folders(root: Path, parts: Mapping[str, str], top: Listing, name: str) -> Domain:
    domains = {}
    for part, folder in parts.items():
        inner = list_folder(root, folder)
        below = {sub.rpartition("/")[2]: list_below(root, sub) for sub in inner.folders}
        holds_classes = any(listing.images for listing in below.values())
        read_part = _class_folders if holds_classes else _flat
        domains[part] = read_part(root, inner, below, f"{name}/{part}")
    joined = join_parts(domains, name)
    unused = [folder for folder in top.folders if folder not in parts.values()]
    aside = {"folders": tuple(unused), "files": (*top.images, *top.others)}
    return replace(joined, ignored=join_ignored([joined.ignored, aside]))


def _class_folders(root: Path, here: Listing, below: Mapping[str, Listing], name: str) -> Domain:
    """One class for each folder that holds images; images beside the folders have no class and are left aside."""
    classes = sort_names(label for label, listing in below.items() if listing.images)
    codes, problem = Classes.read(printable(classes), f"{root}, by its folders,")
    names = list(chain.from_iterable(below[label].images for label in classes))
    others = (*here.images, *here.others, *chain.from_iterable(listing.others for listing in below.values()))
    empty = tuple(label for label, listing in below.items() if not listing.images)
    return Domain(
        samples=Files(root, names),
        kind="image",
        ids=printable(names),
        labels=np.repeat(codes, [len(below[label].images) for label in classes]),
        problem=problem,
        name=name,
        ignored=join_ignored([{"files": others, "classes": empty}]),
    )


def _flat(root: Path, here: Listing, below: Mapping[str, Listing], name: str) -> Domain:
    """Images without labels."""
    aside = {"files": tuple(here.others), "folders": tuple(below)}
    return Domain(
        Files(root, here.images), "image", ids=printable(here.images), name=name, ignored=join_ignored([aside])
    )


def _nothing(root: Path, tables: Sequence[str], others: Sequence[str]) -> str:
    if tables:
        listed = ", ".join(tables[:5])
        return f"{root} holds {len(tables)} tables ({listed}): give one, or call them train.csv, val.csv and test.csv"
    if not others:
        return f"{root} is an empty folder: give a folder with one folder of images for each class, or a table"
    listed = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return (
        f"{root} holds no images ({', '.join(sorted(SUFFIXES))}) and no table ({', '.join(TABLES)}), but "
        f"{len(others)} other file{'s' * (len(others) > 1)}: {listed}"
    )


def _refuse_several(root: Path, below: Mapping[str, Listing]) -> None:
    """Raise where all folders hold folders of the same names: those are the classes, and these are data sets."""
    inner: dict[str, set[str]] = {}
    for top, listing in below.items():
        parts = [name.split("/") for name in listing.images]
        if any(len(names) < 3 for names in parts):
            return
        if parts:
            inner[top] = {names[1] for names in parts}
    shared = sorted(set.intersection(*inner.values())) if len(inner) > 1 else []
    if len(shared) > 1:
        tops = sorted(inner)
        raise DataError(
            f"{root} holds {len(tops)} data sets ({', '.join(tops[:5])}), each with the folders "
            f"{', '.join(shared[:5])}{', …' * (len(shared) > 5)}: give one of them, for example {root / tops[0]}"
        )
