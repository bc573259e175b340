"""Objects of other libraries as lists and arrays: series, Arrow columns, tensors and whatever else has an order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence, ValuesView
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError, TransferiumWarning
from transferium.problems.label_cells import is_missing

PAIRS = "tm.read([x for x, y in data], label=[y for x, y in data])"
"""How to write out a data set that gives pairs."""


def as_list(values: Any, what: str) -> list[Any]:
    """One plain Python value for each example; raises ``InputError`` for what has no order or no length.

    >>> as_list(np.array([1, 2]), "label="), as_list(("a", "b"), "label=")
    ([1, 2], ['a', 'b'])
    """
    if hasattr(values, "to_pylist"):  # of Arrow
        listed: list[Any] = values.to_pylist()
        return listed
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        values = values.astype("datetime64[us]")  # finer ones become whole numbers
    if hasattr(values, "detach"):  # of torch
        values = values.detach().cpu()
    for method in ("tolist", "to_list"):  # of NumPy, pandas and torch; of polars
        if hasattr(values, method) and getattr(values, "ndim", 1) > 0:
            return list(map(_plain, getattr(values, method)()))
    if isinstance(values, (Sequence, ValuesView)) and not isinstance(values, (str, bytes, bytearray)):
        return list(map(_plain, values))
    raise InputError(f"{what} is a {type(values).__name__}: give a list or an array with one value for each example.")


def as_arrow(cells: Any) -> Any:
    """A column as Arrow holds it; where its cells are of several types, as the texts that a file would have."""
    import pyarrow as pa

    try:
        column = cells.to_arrow() if hasattr(cells, "to_arrow") else cells
        column = column if isinstance(column, pa.ChunkedArray) else pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        column = pa.array([None if is_missing(cell) else str(cell) for cell in as_list(cells, "a column")], pa.string())
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _plain(value: Any) -> Any:
    scalar = isinstance(value, np.generic) or (hasattr(value, "detach") and value.ndim == 0)
    return value.item() if scalar and not isinstance(value, np.datetime64) else value


def column_names(source: Any) -> tuple[str, ...] | None:
    """The columns of a table in memory, where all are called by texts; None for anything else."""
    dtype = getattr(source, "dtype", None)
    # Those of an Arrow table are called by the second, those of a structured array by the third.
    for names in (
        getattr(source, "columns", None),
        getattr(source, "column_names", None),
        getattr(dtype, "names", None),
    ):
        listed = tuple(names) if np.iterable(names) and not isinstance(names, Mapping) else ()
        if listed and all(isinstance(name, str) for name in listed):
            return tuple(map(str, listed))
    return None


def file_pairs(source: Any) -> tuple[list[Any], list[Any]] | None:
    """Paths and class names of torchvision's ``ImageFolder`` and its like; None for anything else."""
    pairs, classes = getattr(source, "samples", None), getattr(source, "classes", None)
    if not isinstance(pairs, list) or not pairs or not isinstance(classes, (list, tuple)):
        return None
    if any(len(pair) != 2 or not isinstance(pair[0], (str, os.PathLike)) for pair in pairs):
        return None
    if getattr(source, "transform", None) is not None:
        words = f"the transforms of this {type(source).__name__} are not applied: its files are read as they are"
        warnings.warn(words, TransferiumWarning, stacklevel=3)
    return [path for path, _ in pairs], [classes[number] for _, number in pairs]


def is_picture(value: Any) -> bool:
    """Whether this is one picture: encoded bytes, a Pillow image or an array with rows and columns."""
    several = np.ndim(value) >= 2 if isinstance(value, (list, tuple)) else getattr(value, "ndim", 0) >= 2
    return isinstance(value, (bytes, bytearray)) or hasattr(value, "getbands") or several


def in_order(source: Any) -> Sequence[Any] | NDArray[Any]:
    """Examples in memory as a list, a tuple or an array; raises ``InputError`` that says what to write instead."""
    found = type(source).__name__
    if hasattr(source, "toarray"):
        shape = " x ".join(map(str, source.shape))
        raise InputError(f"a sparse matrix ({shape}) cannot be read: make it dense with .toarray(), if memory allows")
    if isinstance(source, (str, bytes, bytearray)) or hasattr(source, "getbands"):
        raise InputError(f"one {found} is one example, and a list of examples is read: give [example].")
    if isinstance(source, Mapping):
        raise InputError(
            f"a {found} cannot be read, unless it holds columns, a list of equal length for each name: give "
            "{'text': [...], 'label': [...]}, or a path, a list or an array."
        )
    if hasattr(source, "__next__"):
        raise InputError(f"a {found} cannot be read, for it can be gone through only once: give list(…) of it.")
    if isinstance(source, (list, tuple)):
        return source
    if hasattr(source, "detach"):  # a tensor of torch
        source = source.detach().cpu().numpy()
    elif hasattr(source, "to_pylist") or (getattr(source, "ndim", 2) == 1 and not isinstance(source, np.ndarray)):
        return as_list(source, "data")
    elif hasattr(source, "__array__"):
        source = np.asarray(source)
    if isinstance(source, np.ndarray):
        one_column = source.ndim == 2 and source.shape[1] == 1 and source.dtype.kind in "OUS"
        flat = (
            source[:, 0]
            if one_column and all(isinstance(cell, (str, os.PathLike)) for cell in source[:, 0])
            else source
        )
        return flat.tolist() if flat.ndim == 1 and flat.dtype.kind in "OUS" else flat
    if isinstance(source, (Sequence, ValuesView)):
        return list(source)
    how = f" Of a data set that gives pairs: {PAIRS}." if hasattr(source, "__getitem__") else ""
    raise InputError(f"{found} cannot be read: give a path, a list or an array, a data frame or an Arrow table.{how}")
