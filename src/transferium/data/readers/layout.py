"""The one place that decides what a folder means: tables, parts, class folders, or images without labels.

It looks at everything below a folder, goes into folders that only wrap the data, and raises where two readings are
possible: the message names both, and ``layout=`` chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from transferium.data.domain import PARTS
from transferium.data.folders.example_files import EXAMPLE_FILES, ending
from transferium.data.folders.listing import Folder, Listing, list_folder
from transferium.data.folders.part_names import is_exact, part_of, without_shard
from transferium.data.modality import KINDS
from transferium.data.readers.columns import Columns
from transferium.data.readers.table_files import TABLES, agrees_with_folders, meant_by, tables_for
from transferium.errors import DataError, option
from transferium.system.printable import shown

CLASSES, PARTS_INSIDE, TABLE, IMAGES = LAYOUTS = ("classes", "parts", "table", "images")
"""What ``layout=`` may say of a folder: its folders are classes or parts, or it holds a table or unlabelled images."""


@dataclass(frozen=True)
class Leaf:
    """Where the examples of one part are: the rows of ``tables``, else the images of ``folder``.

    With ``classes`` each folder inside is a class.
    """

    folder: Folder
    tables: tuple[str, ...] = ()
    classes: bool = False


@dataclass(frozen=True)
class Layout:
    """A folder as it was understood: its parts by name (``""`` where it is not divided), and what was left out."""

    listing: Listing
    here: Folder
    leaves: dict[str, Leaf] = field(default_factory=dict)

    def leave(self, reason: str, names: Sequence[str]) -> None:
        """Note what is not read, and why."""
        for name in names:
            self.listing.leave(reason, name)


def decide(root: Path, asked: Columns) -> Layout:
    """The layout of ``root``; raises ``DataError`` where it holds no data or several, or where it means two things."""
    try:
        listing = list_folder(root, asked.kind or asked.expected)
    except OSError as error:
        raise DataError(f"{root} cannot be opened: {error.strerror}. Give a folder that may be read.") from error
    _refuse_run(root, listing.top)
    here = _unwrapped(listing.top)
    layout = Layout(listing, here)
    _leave_others(layout, _outside(listing.top, here))
    if tables := _tables_to_read(root, here, asked):
        layout.leaves.update({part: Leaf(here, names) for part, names in tables.items()})
        taken = set(chain.from_iterable(tables.values()))
        _leave_others(layout, [name for name in here.all_others() if name not in taken])
        return layout
    try:
        _take_folders(root, layout, here, asked)
    except DataError:
        if not asked.whole or not here.holds_examples():
            raise
        _take_folders(root, layout, here, replace(asked, layout=IMAGES))  # what folders mean does not matter
    return layout


def _take_folders(root: Path, layout: Layout, here: Folder, asked: Columns) -> None:
    """Parts, or class folders, or images."""
    parts = _parts(root, here, asked)
    if asked.layout == TABLE or (asked.layout == PARTS_INSIDE and not parts):
        what = "table" if asked.layout == TABLE else "folder with the name of a part, such as train"
        raise DataError(f"{root} has no {what} in it: leave {option('layout', asked.layout)} out.")
    leaves = {part: _part_leaf(root, layout, folder, asked) for part, folder in parts.items()}
    if parts:
        _leave_beside(layout, here, list(parts.values()))
    layout.leaves.update(leaves or {"": _leaf(root, layout, here, asked)})


def _leave_beside(layout: Layout, here: Folder, parts: Sequence[Folder]) -> None:
    """Note what lies beside the parts."""
    inside = {name for folder in parts for name in (*folder.all_examples(), *folder.all_others())}
    layout.leave("images", [name for name in here.all_examples() if name not in inside])
    _leave_others(layout, [name for name in here.all_others() if name not in inside])
    taken = {inner.name for folder in parts for inner in folder.below()}
    empty = [f.name for f in here.folders if f.name not in taken and not any(g.examples or g.others for g in f.below())]
    layout.leave("folders", empty)


def _part_leaf(root: Path, layout: Layout, folder: Folder, asked: Columns) -> Leaf:
    """One part: its tables, or its images."""
    inner = _unwrapped(folder, within_part=True)
    _leave_others(layout, _outside(folder, inner))
    if tables := _tables_to_read(root, inner, asked):
        names = tuple(chain.from_iterable(tables.values()))
        _leave_others(layout, [name for name in inner.all_others() if name not in names])
        return Leaf(inner, names)
    return _leaf(root, layout, inner, asked)


def _leaf(root: Path, layout: Layout, here: Folder, asked: Columns) -> Leaf:
    """Class folders, or images without labels; raises ``DataError`` where there are no images, or several data sets."""
    if asked.layout == IMAGES:
        layout.leave("files", here.all_others())
        return Leaf(Folder(here.name, examples=here.all_examples(), kind=here.kind))
    holding = [folder for folder in here.folders if folder.holds_examples()]
    if not holding and not here.examples:
        raise DataError(_nothing(root, layout, here))
    if asked.layout != CLASSES:
        _refuse_several(root, here, holding)
    _leave_others(layout, here.all_others())
    if holding:
        layout.leave("images", here.examples)
        layout.leave("classes", [folder.name for folder in here.folders if folder not in holding])
        return Leaf(here, classes=True)
    layout.leave("folders", [folder.name for folder in here.folders])
    return Leaf(here)


def _leave_others(layout: Layout, names: Sequence[str]) -> None:
    layout.leave("tables", [name for name in names if ending(name) in TABLES])
    layout.leave("files", [name for name in names if ending(name) not in TABLES])


# What wraps the data


def _unwrapped(folder: Folder, *, within_part: bool = False) -> Folder:
    """The folder inside that holds the data, where each folder above it holds no data but one folder."""
    while not folder.examples and not _tables(folder):
        inner = _holding(folder)
        if len(inner) != 1 or not _is_wrapped(inner[0]):
            break
        if not within_part and part_of(inner[0].label) and not any(part_of(f.label) for f in _holding(inner[0])):
            break
        folder = inner[0]
    return folder


def _is_wrapped(folder: Folder) -> bool:
    """Whether a folder alone in another is no class but a data set: it holds a table, parts, or several folders."""
    if folder.examples:
        return any(_is_metadata(name) for name in _tables(folder))
    inner = _holding(folder)
    several = len(inner) > 1 or any(part_of(f.label) or _is_wrapped(f) for f in inner)
    return bool(_tables(folder)) or several


def _outside(outer: Folder, inner: Folder) -> list[str]:
    """The files that lie around ``inner``."""
    return [] if outer is inner else [n for n in outer.all_others() if not n.startswith(f"{inner.name}/")]


def _holding(folder: Folder) -> list[Folder]:
    return [inner for inner in folder.folders if any(f.examples or _tables(f) for f in inner.below())]


# Tables


def _tables(folder: Folder) -> list[str]:
    return [name for name in folder.others if ending(name) in TABLES]


def _is_metadata(name: str) -> bool:
    return Path(name).stem.lower() == "metadata"


def _tables_to_read(root: Path, here: Folder, asked: Columns) -> dict[str, tuple[str, ...]]:
    """The tables of each part (``""`` where they are not divided); none where ``here`` is read as images."""
    tables = [name for name in here.others if ending(name) in tables_for(asked)]
    if not tables or asked.layout not in (None, TABLE):
        return {}
    pictures = here.holds_examples()
    chosen = _by_part(root, tables) or _as_one(tables)
    if not chosen and pictures:
        naming = [name for name in tables if meant_by(root / name, asked) in EXAMPLE_FILES]
        chosen = {"": tuple(naming)} if len(naming) == 1 else {}
    if not pictures or asked.layout == TABLE or asked.named() or asked.columns:
        if not chosen and not (pictures and asked.layout is None):
            raise DataError(
                f"{root} holds {len(tables)} tables ({', '.join(map(shown, tables[:5]))}): give one, or call them "
                "train.csv, val.csv and test.csv"
            )
        return chosen
    return chosen if chosen and _means_table(root, here, chosen, asked) else {}


def _means_table(root: Path, here: Folder, chosen: dict[str, tuple[str, ...]], asked: Columns) -> bool:
    """Whether tables beside images are what is to be read; raises ``DataError`` where that is open."""
    first = next(iter(chosen.values()))[0]
    meant = meant_by(root / first, asked)
    if kind := asked.kind or asked.expected:
        return kind not in EXAMPLE_FILES or meant == kind
    classes = [f.label for f in here.folders if f.holds_examples() and not part_of(f.label)]
    named = shown(first)
    if len(classes) > 1 and meant in EXAMPLE_FILES and not agrees_with_folders(root / first, asked):
        raise DataError(
            f"{root} can be read in two ways: {named} gives {KINDS[here.kind]} their labels, and the folders "
            f"({', '.join(map(shown, classes[:5]))}) may be classes, which differ. Say {option('layout', TABLE)} "
            f"or {option('layout', CLASSES)}."
        )
    if len(classes) > 1 and "" in chosen:
        return meant == "text"
    if meant == "row":
        raise DataError(
            f"{root} can be read in two ways: {named} holds rows of numbers, and there are {len(here.all_examples())} "
            f"{KINDS[here.kind]} beside it. Say {option('layout', TABLE)}, or "
            f"{option('layout', CLASSES if classes else IMAGES)} for the {KINDS[here.kind]}; or name the column of the "
            f"table that names them with {option(here.kind)}."
        )
    return meant != ""


def _by_part(root: Path, tables: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Tables named after a part: ``train.csv``, ``validation-00000-of-00002.parquet``, ``sales_train.csv``."""
    stems = {name: without_shard(Path(name).stem) for name in tables}
    exact = [name for name in tables if is_exact(stems[name])]
    loose = [name for name in tables if part_of(stems[name])]
    named = exact or (loose if len({part_of(stems[name]) for name in loose}) > 1 else [])
    parts = {part: [n for n in named if part_of(stems[n]) == part] for part in PARTS}
    for part, names in parts.items():
        if len({stems[n].lower() for n in names}) > 1:
            listed = " and ".join(shown(n) for n in names[:2])
            raise DataError(f"{root} has two tables for the {part} part, {listed}: merge them or rename one")
    return {part: tuple(names) for part, names in parts.items() if names}


def _as_one(tables: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The one table, which may be cut into numbered files; of several, the one called ``metadata``."""
    if len({(without_shard(Path(name).stem), ending(name)) for name in tables}) == 1:
        return {"": tuple(tables)}
    metadata = [name for name in tables if _is_metadata(name)]
    return {"": (metadata[0],)} if len(metadata) == 1 else {}


# Parts


def _parts(root: Path, here: Folder, asked: Columns) -> dict[str, Folder]:
    """The folder of each part; none where the folders are no parts. A class may be called ``train``."""
    if asked.layout not in (None, PARTS_INSIDE):
        return {}
    holding = _holding(here)
    named = {folder.name: part for folder in holding if (part := part_of(folder.label))}
    divided = any(_is_divided(folder) for folder in holding if folder.name in named)
    beside = [folder for folder in holding if folder.name not in named]
    if not named:
        return _parts_of_classes(here, holding)
    if not divided and asked.layout is None:
        sure = not beside and any(is_exact(folder.label) for folder in holding)
        if not sure and (len(set(named.values())) > 1 or len(beside) == 1):
            raise DataError(_ask_parts(root, [f for f in holding if f.name in named], beside))
        if beside:
            return {}
    return _one_folder_each(root, [folder for folder in holding if folder.name in named])


def _is_divided(folder: Folder) -> bool:
    """Whether a folder holds what no class does: folders of images and no images beside them, or a table."""
    inner = _unwrapped(folder, within_part=True)
    return bool(_tables(inner)) or (not inner.examples and len(_holding(inner)) > (0 if is_exact(folder.label) else 1))


def _one_folder_each(root: Path, folders: Sequence[Folder]) -> dict[str, Folder]:
    parts: dict[str, Folder] = {}
    for part in PARTS:
        named = [folder for folder in folders if part_of(folder.label) == part]
        named = [folder for folder in named if is_exact(folder.label)] or named
        if len(named) > 1:
            a, b = (shown(folder.label) for folder in named[:2])
            raise DataError(
                f"{root} has two {part} parts, {a!r} and {b!r}: merge them or rename one; if folders are classes, "
                f"say {option('layout', CLASSES)}"
            )
        if named:
            parts[part] = named[0]
    return parts


def _parts_of_classes(here: Folder, holding: Sequence[Folder]) -> dict[str, Folder]:
    """Parts that lie inside the folders of classes, ``cat/train`` and ``dog/train``: each gathered into one folder."""
    inner = [_holding(folder) for folder in holding]
    names = [[part_of(f.label) for f in folders] for folders in inner]
    flat = all(not folder.examples for folder in holding) and all(f.examples for folders in inner for f in folders)
    if not flat or len(holding) < 2 or any(not n or None in n or len(set(n)) < len(n) for n in names):
        return {}
    if len(set(chain.from_iterable(names))) < 2:
        return {}
    return {
        part: Folder(
            here.name,
            [
                Folder(folder.name, [f])
                for folder, folders in zip(holding, inner, strict=True)
                for f in folders
                if part_of(f.label) == part
            ],
        )
        for part in PARTS
        if any(part in n for n in names)
    }


def _ask_parts(root: Path, named: Sequence[Folder], beside: Sequence[Folder]) -> str:
    parts, others = (", ".join(shown(f.label) for f in folders[:5]) for folders in (named, beside))
    return (
        f"{root} can be read in two ways: {parts} as parts of a data set{f', beside {others}' * bool(others)}, or all "
        f"of them as classes. Say {option('layout', PARTS_INSIDE)} or {option('layout', CLASSES)}."
    )


# What cannot be read


def _refuse_run(root: Path, top: Folder) -> None:
    """Raise where the folder is what a fit wrote: its predictions and log are tables, but no data set."""
    there = set(top.all_others())
    if {"model.json", "model.safetensors"} <= there or "state/command.json" in there:
        raise DataError(f"{root} is a saved model or run, not data: give the examples themselves.")


def _refuse_several(root: Path, here: Folder, holding: Sequence[Folder]) -> None:
    """Raise where all folders hold folders of the same names: those are the classes, and these are data sets."""
    inner = [{f.label for f in folder.folders if f.holds_examples()} for folder in holding if not folder.examples]
    if len(inner) < 2 or len(inner) < len(holding):
        return
    shared = sorted(set.intersection(*inner))
    if len(shared) > 1:
        tops = [folder.name for folder in holding]
        raise DataError(
            f"{root} holds {len(tops)} data sets ({', '.join(map(shown, tops[:5]))}), each with the folders "
            f"{', '.join(map(shown, shared[:5]))}{', …' * (len(shared) > 5)}: give one of them, for example "
            f"{root / shown(tops[0])}. If they are classes, say {option('layout', CLASSES)}."
        )


def _nothing(root: Path, layout: Layout, here: Folder) -> str:
    inside = [folder for folder in here.folders if any(_tables(f) for f in folder.below())]
    if inside:
        listed = ", ".join(shown(folder.name) for folder in inside[:5])
        return (
            f"{root} holds no table itself, but {len(inside)} folders that do ({listed}): give one of them, for "
            f"example {root / shown(inside[0].name)}"
        )
    if closed := layout.listing.left_out.get("closed"):
        return f"{root} holds no data that can be opened; not opened: {', '.join(map(shown, closed[:3]))}"
    others = here.all_others()
    if not others:
        return f"{root} is an empty folder: give a folder with one folder of images for each class, or a table"
    listed = ", ".join(map(shown, others[:3])) + (", …" if len(others) > 3 else "")
    said = ", ".join(f"no {KINDS[kind]} ({', '.join(sorted(files.readable))})" for kind, files in EXAMPLE_FILES.items())
    return (
        f"{root} holds {said} and no table ({', '.join(TABLES)}), but "
        f"{len(others)} other file{'s' * (len(others) > 1)}: {listed}"
    )
