"""Arrays and lists in memory as domains."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.labels import encode_groups, encode_parts
from transferium.data.readers.columns import looks_like_image_path
from transferium.data.samples import Files, Items, Rows, Samples
from transferium.errors import DataError, InputError, did_you_mean
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


def _samples(source: Any, kind: Kind | None) -> tuple[Samples, Kind]:
    if isinstance(source, (dict, set)) or not hasattr(source, "__len__"):
        raise InputError(f"{type(source).__name__} cannot be read: give a path, a list or an array")
    if hasattr(source, "toarray"):
        shape = " x ".join(map(str, source.shape))
        raise InputError(f"a sparse matrix ({shape}) cannot be read: make it dense with .toarray(), if memory allows")
    if not isinstance(source, (list, tuple)):
        source = np.asarray(source)
        if source.dtype.kind not in "OUS" and source.ndim > 1:
            return _array_samples(source, kind)
        source = source.tolist()
    first = next(iter(source), None)
    if isinstance(first, (str, os.PathLike)):
        return _named_samples(source, kind)
    if first is None or isinstance(first, (bytes, bytearray)) or hasattr(first, "getbands") or np.ndim(first) >= 2:
        return Items([_image(item, i) for i, item in enumerate(source)]), _same(kind, "image")
    try:
        return _array_samples(np.asarray(source), kind)
    except ValueError as error:
        raise InputError(f"a list that starts with {type(first).__name__} is no table of numbers: {error}") from error


def _image(item: Any, index: int) -> Any:
    if isinstance(item, (list, tuple)):
        item = np.asarray(item)
    if not (isinstance(item, (bytes, bytearray)) or hasattr(item, "getbands") or np.ndim(item) >= 2):
        found = type(item).__name__
        raise InputError(
            f"the list starts with images, but item {index} is {found}: give bytes, Pillow images or (h, w, 3) arrays"
        )
    return item


def _named_samples(source: Sequence[Any], kind: Kind | None) -> tuple[Samples, Kind]:
    """Strings and paths: paths are images for sure, strings where all of them look like image files."""
    for i, item in enumerate(source):
        if not isinstance(item, (str, os.PathLike)):
            raise InputError(f"the list starts with texts or paths, but item {i} is {type(item).__name__}: do not mix")
    paths = any(isinstance(item, os.PathLike) for item in source)
    if paths or kind == "image" or (kind is None and all(map(looks_like_image_path, source))):
        return Files(Path(), [str(Path(item).expanduser()) for item in source]), _same(kind, "image")
    return Items(source), _same(kind, "text")


def _array_samples(array: NDArray[Any], kind: Kind | None) -> tuple[Samples, Kind]:
    if array.ndim in (3, 4):
        return Items(list(array)), _same(kind, "image")
    if array.ndim != 2 or array.dtype.kind not in "buif":
        shape = " x ".join(map(str, array.shape))
        raise InputError(f"{array.dtype} values of shape ({shape}) are no data set: give rows (n, width) or images")
    values = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    return Rows(values), _same(kind, "features")


def _same(asked: Kind | None, found: Kind) -> Kind:
    if asked not in (None, *get_args(Kind)):
        raise InputError(f"kind={asked!r} is unknown. {did_you_mean(str(asked), get_args(Kind))}")
    if asked is not None and asked != found:
        raise InputError(f"kind={asked!r} was asked for, but these are examples of kind {found!r}")
    return found


def _plain(values: Values) -> list[Any]:
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [value.item() if isinstance(value, np.generic) else value for value in listed]
