"""NumPy files as domains."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.labels import PART_NAMES
from transferium.data.readers.arrays import read_memory
from transferium.data.readers.opening import opening
from transferium.data.readers.parts import join_parts
from transferium.errors import DataError, did_you_mean
from transferium.problems.catalogue import AUTO, Asked
from transferium.system.checked_files import open_file, refuse_bomb

DATA_NAMES = ("x", "data", "features", "images", "image", "texts")
LABEL_NAMES = ("y", "label", "labels", "target", "targets")


def read_npz(
    path: Path,
    *,
    data: str | None,
    label: str | None,
    kind: Kind | None,
    name: str,
    problem: Asked = AUTO,
) -> Domain:
    """``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` … in one ``.npz`` file; or the array of a ``.npy``.

    Raises ``DataError`` where no array is called like data, and for pickled arrays, which are never loaded.
    """
    arrays = _load(path)
    for asked in (data, label):
        if asked is not None and asked.lower() not in arrays:
            raise DataError(f"{path} has no array {asked!r}. {did_you_mean(asked.lower(), arrays)}")
    by_part: dict[str, Domain] = {}
    for word, part in PART_NAMES.items():
        values = None if data else _pick(arrays, DATA_NAMES, word)
        if values is not None:
            labels = _pick(arrays, LABEL_NAMES, word)
            ids = [f"{part}/{i}" for i in range(len(values))]
            by_part[part] = read_memory(
                values, kind=kind, label=_flat(labels), id=ids, name=f"{name}/{part}", problem=problem
            )
    if by_part:
        return join_parts(by_part, name)
    only = next(iter(arrays.values())) if len(arrays) == 1 else None
    values = arrays[data.lower()] if data else _pick(arrays, DATA_NAMES) if len(arrays) > 1 else only
    if values is None:
        raise DataError(f"{path} holds the arrays {', '.join(arrays)}: call one of them x, or x_train and x_test")
    labels = arrays[label.lower()] if label else _pick(arrays, LABEL_NAMES) if len(arrays) > 1 else None
    return read_memory(values, kind=kind, label=_flat(labels), name=name, problem=problem)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    damaged = opening(path, "cannot be read as NumPy arrays", ". Pickled objects are never loaded")
    with damaged, open_file(path) as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                refuse_bomb(sum(entry.file_size for entry in archive.infolist()), path.stat().st_size)
        file.seek(0)
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {key.lower(): loaded[key] for key in loaded.files}


def _pick(arrays: Mapping[str, NDArray[Any]], usual: Sequence[str], part: str = "") -> NDArray[Any] | None:
    for name in usual:
        for key in (f"{name}_{part}", f"{part}_{name}") if part else (name,):
            if key in arrays:
                return arrays[key]
    return None


def _flat(labels: NDArray[Any] | None) -> NDArray[Any] | None:
    return labels if labels is None or (labels.ndim == 2 and labels.shape[1] > 1) else labels.reshape(-1)
