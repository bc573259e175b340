"""Conversion of the values in label, part and group columns to those that a domain holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Kind
from transferium.data.samples import Samples
from transferium.data.scenes.box_cells import boxes_in
from transferium.data.sentences.sentence_cells import tags_in
from transferium.errors import DataError, did_you_mean
from transferium.problems.catalogue import Asked, read_labels
from transferium.problems.label_cells import is_missing, label_name
from transferium.problems.problem import Labels, Problem

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The accepted names of a part (lower case), and the name that is used here."""


IN_PARTS: dict[Kind, Callable[[Samples, Sequence[Any], str], list[Any]]] = {"sentence": tags_in, "scene": boxes_in}
"""Label cells about parts of their examples, in one form: of sentences a tag for each word, of scenes boxes."""


def labels_of(samples: Samples, kind: Kind, values: Sequence[Any], where: str, asked: Asked) -> tuple[Labels, Problem]:
    """The labels of ``samples``, and the problem that they pose (see ``read_labels``)."""
    within = IN_PARTS.get(kind)
    return read_labels(values if within is None else within(samples, values, where), where, asked)


def encode_parts(values: Sequence[Any], where: str) -> NDArray[np.str_]:
    """``"train"``, ``"val"`` or ``"test"`` for every row; raises ``DataError`` for any other word."""
    known = {value: PART_NAMES.get(str(value).strip().lower()) for value in set(values)}
    unknown = sorted(str(value) for value, part in known.items() if part is None)
    if unknown:
        raise DataError(
            f"{where} says {unknown[0]!r}, which is no part of a data set. {did_you_mean(unknown[0], PART_NAMES)}"
        )
    return np.array([known[value] for value in values], dtype=np.str_)


def subgroup_names(values: Sequence[Any]) -> NDArray[np.object_]:
    """The name of each value as that of a label is written; None for a missing one.

    >>> subgroup_names([1.0, "a", None]).tolist()
    ['1', 'a', None]
    """
    return np.array([None if is_missing(value) else label_name(value) for value in values], object)


def encode_groups(values: Sequence[Any]) -> NDArray[np.int64]:
    """One number for each distinct value; a missing value is a group of its own."""
    seen: dict[Any, int] = {}
    codes = np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        codes[row] = seen.setdefault(("alone", row) if is_missing(value) else value, len(seen))
    return codes
