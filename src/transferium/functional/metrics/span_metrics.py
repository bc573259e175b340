"""Metrics of spans in sentences, as functions of how often each sentence counts: ones give the estimates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.sequences.tag_sequences import Span

Array = NDArray[Any]
Statistics = Callable[[Array], dict[str, Array]]
PER_TYPE = ("precision", "recall", "f1")


def span_counts(true: Sequence[Sequence[Span]], said: Sequence[Sequence[Span]], types: int) -> Array:
    """``(n, 3, types)``: spans of each type that are right, that are there, and that were answered.

    A span is right where first word, last word and type are all right.

    >>> span_counts([[(0, 2, 0)]], [[(0, 2, 0), (3, 4, 0)]], 1).tolist()
    [[[1.0], [1.0], [2.0]]]
    """
    counts = np.zeros((len(true), 3, types))
    for i, (there, answered) in enumerate(zip(true, said, strict=True)):
        for row, spans in enumerate(({*there} & {*answered}, there, answered)):
            for _, _, kind in spans:
                counts[i, row, kind] += 1
    return counts


def span_statistics(counts: Array) -> Statistics:
    """The metrics of ``span_counts``, which are added up over sentences first (micro).

    ``span_f1 = 2 TP / (2 TP + FP + FN)``, ``span_precision``, ``span_recall``, and ``macro_span_f1``, the mean over
    the types that occur in labels or answers. ``precision``, ``recall`` and ``f1`` are ``(some, types)``. 0 where there
    is nothing to divide by. The function takes counts of sentences ``(some, n)``.

    >>> counts = span_counts([[(0, 2, 0)]], [[(0, 2, 0), (3, 4, 0)]], 1)
    >>> span_statistics(counts)(np.ones((1, 1)))["span_f1"].round(3)
    array([0.667])
    """
    types = counts.shape[2]
    sums = counts.reshape(len(counts), -1)

    def compute(times: Array) -> dict[str, Array]:
        total = (times.astype(np.float64) @ sums).reshape(len(times), 3, types)
        each = _shares(*(total[:, row] for row in range(3)))
        whole = _shares(*(total[:, row].sum(axis=1) for row in range(3)))
        occurs = (total[:, 1] + total[:, 2] > 0).sum(axis=1)
        macro = _ratio(each["f1"].sum(axis=1), occurs)
        return {f"span_{name}": value for name, value in whole.items()} | {"macro_span_f1": macro} | each

    return compute


def confusion_of_spans(true: Sequence[Sequence[Span]], said: Sequence[Sequence[Span]], types: int) -> Array:
    """``(types + 1, types + 1)``: spans of each type (rows) by what was answered for the same words; last, nothing.

    Spans of the same words are a pair. The others are missed, or answered where there is none of these very words.
    """
    matrix = np.zeros((types + 1, types + 1), np.int64)
    for there, answered in zip(true, said, strict=True):
        ours = {(start, stop): kind for start, stop, kind in answered}
        for start, stop, kind in there:
            matrix[kind, ours.pop((start, stop), types)] += 1
        for kind in ours.values():
            matrix[types, kind] += 1
    return matrix


def _shares(right: Array, there: Array, answered: Array) -> dict[str, Array]:
    f1 = _ratio(2 * right, there + answered)
    return {"precision": _ratio(right, answered), "recall": _ratio(right, there), "f1": f1}


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0, dtype=np.float64)
