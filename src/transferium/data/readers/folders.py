"""Folders as domains: read as ``layout.py`` decides."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import get_args

import numpy as np

from transferium.data.domain import PARTS, Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.folders.listing import Folder
from transferium.data.mixed_table import MixedTable
from transferium.data.modality import KINDS
from transferium.data.readers.columns import Columns
from transferium.data.readers.file_cells import named_files
from transferium.data.readers.layout import Layout, Leaf, decide
from transferium.data.readers.parts import join_ignored, join_parts
from transferium.data.readers.table_files import read_table
from transferium.data.samples import Files
from transferium.errors import InputError
from transferium.problems.catalogue import AUTO, kind_of
from transferium.problems.classes import Classes
from transferium.problems.label_cells import sort_names
from transferium.system.printable import printable, shown


def read_folder(root: Path, asked: Columns, name: str) -> Domain:
    """Whatever a folder holds: tables, parts, class folders, or images; ``ignored`` names all that was not read.

    Raises ``DataError`` where it holds no images and no tables, holds several data sets, or can be read in two ways.
    """
    layout = decide(root, asked)
    leaves = {part: layout.leaves[part] for part in ("", *PARTS) if part in layout.leaves}
    beside = layout.listing.left_out.get("tables", ())
    domains = {part: _read(root, leaf, asked, name, part, beside) for part, leaf in leaves.items()}
    whole = domains[""] if "" in domains else join_parts(domains, name, whole=asked.whole)
    layout.leave("images", _in_no_row(root, leaves.values(), domains.values()))
    left = {reason: printable(names) for reason, names in layout.listing.left_out.items()}
    unlabelled = left.get("images") or whole.ignored.get("parts")
    if asked.whole and unlabelled and whole.kind in EXAMPLE_FILES and not any(leaf.tables for leaf in leaves.values()):
        leaves, whole = {}, _everything(root, layout, whole, name)
        left.pop("images", None)
    ignored = join_ignored([whole.ignored, {reason: tuple(names) for reason, names in left.items()}])
    return replace(whole, ignored=ignored, layout=_said(root, layout, leaves, whole))


def _read(root: Path, leaf: Leaf, asked: Columns, name: str, part: str, tables: Sequence[str]) -> Domain:
    """One part, or all where the data is not divided; ``tables`` are those that are not read."""
    title = f"{name}/{part}" if part else name
    if not leaf.tables:
        domain = (_class_folders if leaf.classes else _flat)(root, leaf.folder, title)
        return _only_classes(domain, root, asked, tables)
    domain = read_table([root / table for table in leaf.tables], asked, title)
    if part and asked.id is None and list(domain.ids[:1]) == ["0"]:
        return replace(domain, ids=[f"{part}/{i}" for i in domain.ids])
    if part and leaf.folder.name and isinstance(domain.samples, Files):
        start = printable([leaf.folder.name])[0]
        return replace(domain, ids=[f"{start}/{i}" for i in domain.ids])
    return domain


def _only_classes(domain: Domain, root: Path, asked: Columns, tables: Sequence[str]) -> Domain:
    """``domain`` itself; raises ``InputError`` where a folder of images cannot be what was asked for."""
    if asked.named() or asked.columns or asked.kind not in (None, domain.kind):
        beside = f". To read a table in it, give that: {', '.join(map(shown, tables[:5]))}" if tables else ""
        raise InputError(
            f"{root} is a folder of {domain.kind} files: it has no columns to name and no other kind of example{beside}"
        )
    kind = kind_of(asked.problem)
    if domain.labels is None or kind in (AUTO, Classes.kind):
        return domain
    raise InputError(
        f"{root} is a folder of {domain.kind} files, whose folders are classes, and {kind} was asked for: write a "
        "table with a column of file names and one of labels."
    )


def _class_folders(root: Path, folder: Folder, name: str) -> Domain:
    """One class for each folder that holds images; folders that write one label in several ways are one class."""
    holding = [inner for inner in folder.folders if inner.holds_examples()]
    place = {label: i for i, label in enumerate(sort_names({inner.label for inner in holding}))}
    holding.sort(key=lambda inner: place[inner.label])
    images = [inner.all_examples() for inner in holding]
    own = printable([inner.name.rpartition("/")[2] for inner in holding])
    codes, problem = Classes.read(own, f"{root}, by its folders,")
    names = list(chain.from_iterable(images))
    return Domain(
        samples=EXAMPLE_FILES[folder.kind].samples(root, names),
        kind=folder.kind,
        ids=printable(names),
        labels=np.repeat(codes, list(map(len, images))),
        problem=problem,
        name=name,
    )


def _flat(root: Path, folder: Folder, name: str) -> Domain:
    """Images or sounds without labels."""
    samples = EXAMPLE_FILES[folder.kind].samples(root, folder.examples)
    return Domain(samples, folder.kind, ids=printable(folder.examples), name=name)


def _everything(root: Path, layout: Layout, domain: Domain, name: str) -> Domain:
    """All images of a folder, without labels since some of them have none; ``domain`` is what had labels."""
    names = layout.here.all_examples()
    told = tuple(domain.ids) if domain.labels is not None else ()
    return replace(
        _flat(root, Folder("", examples=names, kind=layout.here.kind), name), ignored={"labels": told} if told else {}
    )


def _in_no_row(root: Path, leaves: Iterable[Leaf], domains: Iterable[Domain]) -> list[str]:
    """The images beside tables that no row of them names."""
    with_tables = [(leaf, domain) for leaf, domain in zip(leaves, domains, strict=True) if leaf.tables]
    there = {name: None for leaf, _ in with_tables for name in leaf.folder.all_examples()}
    if not there:
        return []
    base = _plain(root)
    for _, domain in with_tables:
        of_cells = domain.samples.cells.values() if isinstance(domain.samples, MixedTable) else ()
        for samples in (domain.samples, *(cells.samples for cells in of_cells)):
            for path in map(_plain, named_files(samples)):
                if path.is_relative_to(base):  # a table may name files of another drive
                    there.pop(path.relative_to(base).as_posix(), None)
    return list(there)


def _plain(path: Path) -> Path:
    """An absolute path without ``..``; links are not followed."""
    return Path(os.path.normpath(path.absolute()))


def _said(root: Path, layout: Layout, leaves: Mapping[str, Leaf], domain: Domain) -> str:
    """What the folder was taken for, in a sentence."""
    where = shown(str(root / layout.here.name))
    tables = [table for leaf in leaves.values() for table in leaf.tables]
    parts = ", ".join(f"{part} in {_place(leaf)}" for part, leaf in leaves.items() if part)
    what = [how_many(domain)]
    if not leaves:
        what.append("every one of all folders, since not all have a class")
    elif not tables and domain.labels is not None:
        what.append(f"each class in a folder of its own ({_some(domain.classes)})")
    elif not tables:
        what.append("without labels")
    if parts:
        what.append(f"divided into parts: {parts}")
    elif tables:
        what.append(f"by {', '.join(map(shown, tables[:3]))}")
    return f"{where} holds {', '.join(what)}"


def how_many(domain: Domain) -> str:
    """``3 texts in column 'text'``: the number of examples, before what they are."""
    what = domain.layout or KINDS[domain.kind]
    one = re.sub(rf"^({'|'.join(get_args(Kind))})s", r"\1", what)
    return f"{len(domain):,} {one if len(domain) == 1 else what}"


def _place(leaf: Leaf) -> str:
    return shown(leaf.tables[0] if leaf.tables else f"{leaf.folder.name or '.'}/")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)
