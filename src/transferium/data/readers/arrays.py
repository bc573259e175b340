"""Arrays and lists in memory as domains."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.infer import infer
from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import kind_of_path
from transferium.data.labels import encode_groups, encode_parts, labels_of
from transferium.data.modality import KINDS, by_kind, check_kind
from transferium.data.picture_pairs import PicturePairs
from transferium.data.readers.file_cells import files_of
from transferium.data.readers.sequences import as_arrow, as_list, column_names, in_order, is_picture
from transferium.data.samples import Files, Items, Rows, Samples
from transferium.data.scenes.scenes import Scenes
from transferium.data.sentences.sentence_cells import as_sentence
from transferium.data.sounds.decode import is_wave
from transferium.data.text_pair import as_pairs
from transferium.errors import DataError, InputError, option
from transferium.problems.catalogue import AUTO, PROBLEMS, Asked, kind_of, read_labels
from transferium.problems.label_cells import is_missing
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Labels, Problem

Values = Sequence[Any] | NDArray[Any]
"""One value for each example."""


def read_memory(
    source: Any,
    *,
    kind: Kind | None = None,
    label: Values | None = None,
    part: Values | None = None,
    group: Values | None = None,
    id: Values | None = None,
    columns: Sequence[str] | None = None,
    problem: Asked = AUTO,
    name: str = "data",
) -> Domain:
    """A list of paths, texts, encoded bytes, Pillow images or arrays, or an array of rows ``(n, width)`` or images.

    A list of strings holds image paths where all of them end like one, else texts; ``kind`` decides otherwise.
    ``columns`` name those of rows.
    """
    own = PROBLEMS[kind_of(problem)].reads if kind_of(problem) != AUTO else ""
    samples, found = _samples(source, kind or own or None)  # type: ignore[arg-type]  # the name of a kind
    if not len(samples):
        raise DataError(f"{name!r} holds no examples: give at least one")
    if columns is not None and isinstance(samples, (Rows, Table)):
        if len(columns) != samples.width:
            raise InputError(f"columns= names {len(columns)} columns, and there are {samples.width}")
        samples = samples.called(columns) if isinstance(samples, Table) else samples
    domain = Domain(
        samples=samples,
        kind=found,
        ids=list(samples.names) if isinstance(samples, Files) else [str(i) for i in range(len(samples))],
        name=name,
        feature_names=None if columns is None else tuple(columns),
    )
    return with_values(domain, label=label, part=part, group=group, id=id, problem=problem)


def with_values(
    domain: Domain,
    *,
    label: Values | None,
    part: Values | None,
    group: Values | None,
    id: Values | None,
    problem: Asked = AUTO,
) -> Domain:
    """``domain`` with labels, parts, groups and names, one value for each example; those that are None stay away."""
    matrix: Any = label if getattr(label, "ndim", 1) == 2 else None
    given = {"label": None if matrix is label else label, "part": part, "group": group, "id": id}
    lists = {use: as_list(values, f"{use}=") for use, values in given.items() if values is not None}
    for use, cells in (*lists.items(), *([] if matrix is None else [("label", matrix)])):
        if len(cells) != len(domain):
            raise InputError(f"{option(use, '')} has {len(cells)} values for {len(domain)} examples: give one for each")
    where = f"{option('label', '')} of {domain.name!r}"
    labels, posed = None, None
    if matrix is not None:
        labels, posed = _of_matrix(matrix, where, problem)
    elif "label" in lists:
        labels, posed = labels_of(domain.samples, domain.kind, lists["label"], where, problem)
    ids, parts, groups = (lists.get(use) for use in ("id", "part", "group"))
    numbered = domain.ids if ids is None else [str(i if is_missing(one) else one) for i, one in enumerate(ids)]
    return replace(
        domain,
        ids=numbered,
        labels=labels,
        problem=posed,
        parts=None if parts is None else encode_parts(parts, "part="),
        groups=None if groups is None else encode_groups(groups),
    )


def _of_matrix(label: Any, where: str, problem: Asked) -> tuple[Labels, Problem]:
    """Labels of an array or a data frame: with several columns it holds zeros and ones, a column a label."""
    matrix = np.asarray(label.detach().cpu() if hasattr(label, "detach") else label)
    if matrix.shape[1] == 1:
        return read_labels(as_list(matrix[:, 0], where), where, problem)
    if kind_of(problem) not in (AUTO, MultiLabel.kind):
        raise DataError(
            f"{where} has {matrix.shape[1]} columns, which are several labels, and "
            f"{option('problem', kind_of(problem))} was asked for: give one value for each example."
        )
    return MultiLabel.of_indicators(matrix, column_names(label) or tuple(map(str, range(matrix.shape[1]))), where)


LAST = ("row", "features")
"""Kinds that an array is of where it is nothing else, in this order."""


def _samples(source: Any, kind: Kind | None) -> tuple[Samples, Kind]:
    """The examples, and their kind: the one that was asked for is tried first, and rows are what is nothing else."""
    source = in_order(source)
    if kind is not None:
        check_kind(kind)
        by_kind(MEMORY, kind, "reader of data in memory")
    for found in sorted(MEMORY, key=lambda name: (name in LAST, name != kind)):
        samples = MEMORY[found](source, found == kind)
        if samples is not None and kind not in (None, found):
            raise InputError(f"kind={kind!r} was asked for, but these are examples of kind {found!r}")
        if samples is not None:
            return samples, found
    raise InputError(f"what starts with {_first(source)!r:.60} is none of {', '.join(KINDS[name] for name in MEMORY)}.")


def _first(source: Any) -> Any:
    """The first example that is not missing."""
    return next((item for item in source if isinstance(item, str) or not is_missing(item)), None)


def _images(source: Any, asked: bool) -> Samples | None:
    """Arrays of pictures, a list that starts with one, or names: paths for sure, strings where all look like images."""
    if isinstance(source, np.ndarray):
        if source.ndim == 3 and source.shape[2] in (1, 3, 4) and source.shape[1] > source.shape[2]:
            shape = " x ".join(map(str, source.shape))
            raise InputError(f"an array of shape ({shape}) is one image, and a list of images is read: give [image].")
        upright = (_upright(item) for item in source) if source.ndim == 4 else source
        return Items(list(upright)) if source.ndim in (3, 4) else None
    first = _first(source)
    if isinstance(first, (str, os.PathLike)):
        return _named_files(source, "image", asked)
    if first is None or is_picture(first):
        return Items([_image(item, i) for i, item in enumerate(source)])
    return None


def _named_files(source: Any, kind: Kind, asked: bool) -> Samples | None:
    """Files of ``kind`` where all names end like such files; paths that end like no example are taken for images."""
    ends = [kind_of_path(os.fspath(one)) for one in _all_named(source) if not is_missing(one)]
    paths = any(isinstance(item, os.PathLike) for item in source)
    mine = all(one == kind for one in ends) or (paths and kind == next(filter(None, ends), "image"))
    if not asked and not mine:
        return None
    return files_of(Path(), [None if is_missing(one) else str(Path(one).expanduser()) for one in source], kind)


def _sounds(source: Any, asked: bool) -> Samples | None:
    """A list of paths that end like sounds; of pairs of samples and their rate, as soundfile reads them; of bytes."""
    first = _first(source)
    if isinstance(first, (str, os.PathLike)):
        return _named_files(source, "sound", asked)
    if not asked or isinstance(source, np.ndarray):
        return None
    for index, item in enumerate(source):
        if not isinstance(item, (bytes, bytearray)) and not is_wave(item):
            raise InputError(
                f"item {index} is {type(item).__name__} and no sound: give paths, encoded bytes, or pairs of samples "
                "and their rate, (array, 16000)."
            )
    return Items(list(source))


def _image(item: Any, index: int) -> Any:
    if isinstance(item, (list, tuple)):
        item = np.asarray(item)
    if not is_picture(item):
        found = type(item).__name__
        raise InputError(
            f"the list starts with images, but item {index} is {found}: give bytes, Pillow images or (h, w, 3) arrays"
        )
    return _upright(item.detach().cpu().numpy() if hasattr(item, "detach") else item)


def _upright(item: Any) -> Any:
    """``item``; raises ``InputError`` for an array with its colours first, as torch has them."""
    shape: tuple[int, ...] = getattr(item, "shape", ())
    if len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):
        raise InputError(
            f"an image of shape ({' x '.join(map(str, shape))}) has its colours first: give (h, w, 3), as "
            "x.transpose(1, 2, 0) of an array or x.permute(1, 2, 0) of a tensor makes it, and do not normalise it."
        )
    return item


def _texts(source: Any, _asked: bool) -> Samples | None:
    named = isinstance(source, list | tuple) and isinstance(_first(source), (str, os.PathLike))
    paths = named and any(isinstance(item, os.PathLike) for item in source)
    if not named or paths:
        return None
    return Items([item if isinstance(item, str) else "" for item in _all_named(source)])


def _all_named(source: Sequence[Any]) -> Sequence[Any]:
    for i, item in enumerate(source):
        if not isinstance(item, (str, os.PathLike)) and not is_missing(item):
            raise InputError(f"the list starts with texts or paths, but item {i} is {type(item).__name__}: do not mix")
    return source


def _pairs(source: Any, asked: bool) -> Samples | None:
    """Pairs of texts, where this kind was asked for: else they are rows of a table."""
    return Items(as_pairs(source, "the list")) if asked else None


def _picture_pairs(source: Any, asked: bool) -> Samples | None:
    """Pairs of pictures, where this kind was asked for."""
    if not asked:
        return None
    for i, pair in enumerate(source):
        if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise InputError(f"item {i} is {type(pair).__name__} and no pair: give two images, as in (a, b).")
    sides = [_images([pair[side] for pair in source], True) for side in range(2)]
    read = [side for side in sides if side is not None]
    if len(read) < len(sides):
        raise InputError("the list holds no pairs of images: give paths, encoded bytes, Pillow images or arrays.")
    return PicturePairs.of(*read)


def _sentences(source: Any, asked: bool) -> Samples | None:
    """Lists of words, or texts that are cut into words, where this kind was asked for: else they are rows, or texts."""
    return Items([as_sentence(cell, f"item {i}") for i, cell in enumerate(source)]) if asked else None


def _features(source: Any, asked: bool) -> Samples | None:
    """Numbers that are taken as they are; rows of a table unless this kind was asked for."""
    if not asked:
        return None
    array = _array(source)
    return Rows(array if array.dtype in (np.float32, np.float64) else _as_table(array).numbers())


def _rows(source: Any, _asked: bool) -> Table:
    return _as_table(_array(source))


def _array(source: Any) -> NDArray[Any]:
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise InputError(
            f"a list that starts with {type(_first(source)).__name__} is no table of numbers: its rows are not alike. "
            "Give rows of numbers that are all of one length"
        ) from error
    if array.ndim != 2 or array.dtype.kind not in "buifOUS":
        shape = " x ".join(map(str, array.shape))
        raise InputError(f"{array.dtype} values of shape ({shape}) are no data set: give rows (n, width) or images")
    return array


def _as_table(array: NDArray[Any]) -> Table:
    """The rows of an array; columns of cells that are no numbers are told apart as those of a file."""
    if array.dtype.kind not in "OUS":
        return Table.of_array(array)
    cells = [as_arrow(column) for column in (array if array.dtype.kind == "O" else array.astype(object)).T]
    return Table([infer(str(i), column) for i, column in enumerate(cells)], named=False, rows=len(array))


def _scenes(source: Any, asked: bool) -> Samples | None:
    """Images, where it is asked for their boxes."""
    pictures = _images(source, asked) if asked else None
    return None if pictures is None else Scenes(pictures)


MEMORY: dict[Kind, Callable[[Any, bool], Samples | None]] = {
    "image": _images,
    "text": _texts,
    "sound": _sounds,
    "pair": _pairs,
    "image_pair": _picture_pairs,
    "sentence": _sentences,
    "scene": _scenes,
    "row": _rows,
    "features": _features,
}
"""The samples of a list or an array, or None where it holds no such examples; told whether this kind was asked for."""
