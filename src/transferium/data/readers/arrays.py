"""Arrays and lists in memory as domains."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.labels import encode_groups, encode_parts
from transferium.data.modality import KINDS, by_kind, check_kind
from transferium.data.readers.columns import looks_like_image_path
from transferium.data.samples import Files, Items, Rows, Samples
from transferium.errors import DataError, InputError
from transferium.problems.catalogue import AUTO, Asked, kind_of, read_labels
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
    features: Sequence[str] | None = None,
    problem: Asked = AUTO,
    name: str = "data",
) -> Domain:
    """A list of paths, texts, encoded bytes, Pillow images or arrays, or an array of rows ``(n, width)`` or images.

    A list of strings holds image paths where all of them end like one, else texts; ``kind`` decides otherwise.
    A data frame brings the names of its columns, among which ``features`` choose; else they name the columns.
    """
    samples, found = _samples(source, kind)
    if not len(samples):
        raise DataError(f"{name!r} holds no examples: give at least one")
    for use, values in (("label", label), ("part", part), ("group", group), ("id", id)):
        if values is not None and len(values) != len(samples):
            raise InputError(f"{use}= has {len(values)} values for {len(samples)} examples: give one for each")
    labels, posed = None, None
    if label is not None:
        labels, posed = _labels(label, f"label= of {name!r}", problem)
    named = column_names(source) if isinstance(samples, Rows) else None
    if isinstance(samples, Rows) and not named and features is not None and len(features) != samples.values.shape[1]:
        raise InputError(f"features= names {len(features)} columns, and there are {samples.values.shape[1]}")
    ids = [str(i) for i in range(len(samples))] if id is None else [str(value) for value in id]
    names = named or (None if features is None else tuple(features))
    domain = Domain(
        samples=samples,
        kind=found,
        ids=list(samples.names) if isinstance(samples, Files) and id is None else ids,
        labels=labels,
        problem=posed,
        parts=None if part is None else encode_parts(_plain(part), "part="),
        groups=None if group is None else encode_groups(_plain(group)),
        name=name,
        feature_names=names,
    )
    return domain.columns(features) if named and features is not None else domain


def _labels(label: Values, where: str, problem: Asked) -> tuple[Labels, Problem]:
    """Labels in memory; an array or a data frame with several columns holds zeros and ones, a column a label."""
    if getattr(label, "ndim", 1) != 2:
        return read_labels(_plain(label), where, problem)
    matrix = np.asarray(label)
    if matrix.shape[1] == 1:
        return read_labels(_plain(matrix[:, 0]), where, problem)
    if kind_of(problem) not in (AUTO, MultiLabel.kind):
        raise DataError(
            f"{where} has {matrix.shape[1]} columns, which are several labels, and problem={kind_of(problem)!r} was "
            "asked for: give one value for each example."
        )
    return MultiLabel.of_indicators(matrix, column_names(label) or tuple(map(str, range(matrix.shape[1]))), where)


def column_names(source: Any) -> tuple[str, ...] | None:
    """The columns of a data frame or an Arrow table, where all are called by texts; None for anything else."""
    for attribute in ("columns", "column_names"):  # those of an Arrow table are called by the second
        names = getattr(source, attribute, None)
        listed = tuple(names) if np.iterable(names) else ()
        if listed and all(isinstance(name, str) for name in listed):
            return tuple(map(str, listed))
    return None


def _listed(source: Any) -> Any:
    """A list or a tuple as it is; anything else as an array of numbers, or a list of what it holds."""
    if isinstance(source, (dict, set)) or not hasattr(source, "__len__"):
        raise InputError(f"{type(source).__name__} cannot be read: give a path, a list or an array")
    if hasattr(source, "toarray"):
        shape = " x ".join(map(str, source.shape))
        raise InputError(f"a sparse matrix ({shape}) cannot be read: make it dense with .toarray(), if memory allows")
    if not isinstance(source, (list, tuple)):
        source = np.asarray(source)
        return source if source.dtype.kind not in "OUS" and source.ndim > 1 else source.tolist()
    return source


def _samples(source: Any, kind: Kind | None) -> tuple[Samples, Kind]:
    """The examples, and their kind: the one that was asked for is tried first, and rows are what is nothing else."""
    source = _listed(source)
    if kind is not None:
        check_kind(kind)
        by_kind(MEMORY, kind, "reader of data in memory")
    for found in sorted(MEMORY, key=lambda name: (name == "features", name != kind)):
        samples = MEMORY[found](source, found == kind)
        if samples is not None and kind not in (None, found):
            raise InputError(f"kind={kind!r} was asked for, but these are examples of kind {found!r}")
        if samples is not None:
            return samples, found
    raise InputError(f"what starts with {_first(source)!r:.60} is none of {', '.join(KINDS[name] for name in MEMORY)}.")


def _first(source: Any) -> Any:
    return next(iter(source), None)


def _images(source: Any, asked: bool) -> Samples | None:
    """Arrays of pictures, a list that starts with one, or names: paths for sure, strings where all look like images."""
    if not isinstance(source, list | tuple):
        return Items(list(source)) if source.ndim in (3, 4) else None
    first = _first(source)
    if isinstance(first, (str, os.PathLike)):
        paths = any(isinstance(item, os.PathLike) for item in source)
        named = paths or asked or all(map(looks_like_image_path, source))
        return Files(Path(), [str(Path(item).expanduser()) for item in _all_named(source)]) if named else None
    if first is None or isinstance(first, (bytes, bytearray)) or hasattr(first, "getbands") or np.ndim(first) >= 2:
        return Items([_image(item, i) for i, item in enumerate(source)])
    return None


def _image(item: Any, index: int) -> Any:
    if isinstance(item, (list, tuple)):
        item = np.asarray(item)
    if not (isinstance(item, (bytes, bytearray)) or hasattr(item, "getbands") or np.ndim(item) >= 2):
        found = type(item).__name__
        raise InputError(
            f"the list starts with images, but item {index} is {found}: give bytes, Pillow images or (h, w, 3) arrays"
        )
    return item


def _texts(source: Any, _asked: bool) -> Samples | None:
    named = isinstance(source, list | tuple) and isinstance(_first(source), (str, os.PathLike))
    paths = named and any(isinstance(item, os.PathLike) for item in source)
    return Items(_all_named(source)) if named and not paths else None


def _all_named(source: Sequence[Any]) -> Sequence[Any]:
    for i, item in enumerate(source):
        if not isinstance(item, (str, os.PathLike)):
            raise InputError(f"the list starts with texts or paths, but item {i} is {type(item).__name__}: do not mix")
    return source


def _rows(source: Any, _asked: bool) -> Samples:
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise InputError(
            f"a list that starts with {type(_first(source)).__name__} is no table of numbers: {error}"
        ) from error
    if array.ndim != 2 or array.dtype.kind not in "buif":
        shape = " x ".join(map(str, array.shape))
        raise InputError(f"{array.dtype} values of shape ({shape}) are no data set: give rows (n, width) or images")
    return Rows(array if array.dtype in (np.float32, np.float64) else array.astype(np.float64))


MEMORY: dict[Kind, Callable[[Any, bool], Samples | None]] = {"image": _images, "text": _texts, "features": _rows}
"""The samples of a list or an array, or None where it holds no such examples; told whether this kind was asked for."""


def _plain(values: Values) -> list[Any]:
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [value.item() if isinstance(value, np.generic) else value for value in listed]
