"""Ragged arrays: one array for each example, of different lengths, such as a row of features for each word.

A ragged array is a NumPy array of arrays (``dtype=object``), so that it is indexed, joined and counted like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ragged = NDArray[Any]


def ragged(rows: Iterable[Any]) -> Ragged:
    """A ragged array of ``rows``, one array for each example.

    >>> ragged([np.zeros(2), np.zeros(3)])[np.array([1, 0])][0].shape
    (3,)
    """
    listed = list(rows)
    array = np.empty(len(listed), object)
    for i, row in enumerate(listed):
        array[i] = row
    return array


def is_ragged_array(values: NDArray[Any]) -> bool:
    """Whether each entry is an array of its own."""
    return values.dtype == object


def lengths(rows: Ragged) -> NDArray[np.intp]:
    """How many entries each example has ``(n,)``."""
    return np.fromiter((len(row) for row in rows), np.intp, len(rows))


def flat(rows: Ragged) -> NDArray[Any]:
    """All entries of all examples, one after another."""
    parts: Sequence[Any] = rows.tolist()
    return np.concatenate(parts)


def every_row(values: NDArray[Any]) -> NDArray[Any]:
    """One row after another, whether examples have one ``(n, width)`` or several each.

    >>> every_row(ragged([np.zeros((1, 4)), np.zeros((2, 4))])).shape, every_row(np.zeros((2, 4))).shape
    ((3, 4), (2, 4))
    """
    return flat(values) if is_ragged_array(values) else values


def owners(rows: Ragged) -> NDArray[np.intp]:
    """The example that each entry of :func:`flat` belongs to.

    >>> owners(ragged([np.zeros(1), np.zeros(2)])).tolist()
    [0, 1, 1]
    """
    return np.repeat(np.arange(len(rows)), lengths(rows))


def like(rows: Ragged, values: NDArray[Any]) -> Ragged:
    """``values``, one for each entry of ``flat(rows)``, divided among the examples as ``rows`` are."""
    return ragged(np.split(values, np.cumsum(lengths(rows))[:-1]))


def within(function: Callable[[NDArray[Any]], NDArray[Any]], rows: NDArray[Any]) -> NDArray[Any]:
    """``function`` of all entries at once, divided among the examples again; of an array that is not ragged, as it is.

    >>> within(lambda x: 2 * x, ragged([np.ones(1), np.ones(2)]))[1].tolist()
    [2.0, 2.0]
    """
    if not is_ragged_array(rows):
        return function(rows)
    return like(rows, function(flat(rows))) if len(rows) else rows


def pooled(rows: NDArray[Any]) -> NDArray[Any]:
    """One row for each example ``(n, width)``: the mean over its entries, noughts where there is none.

    >>> pooled(ragged([np.array([[1.0], [3.0]])])).tolist()
    [[2.0]]
    """
    if not is_ragged_array(rows):
        return rows
    return np.stack([row.sum(axis=0) / max(1, len(row)) for row in rows])


def unanswered(outputs: NDArray[Any]) -> NDArray[np.bool_]:
    """Which examples have no answer ``(n,)``: their outputs hold a NaN, or are one."""
    if not is_ragged_array(outputs):
        return np.asarray(np.isnan(outputs).any(axis=1))
    return np.array([bool(np.isnan(row).any()) for row in outputs], bool)
