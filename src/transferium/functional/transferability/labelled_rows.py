"""The check that all scores of labelled features share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, Labels, labels_of, matrix


def labelled_rows(features: Floats, labels: Labels) -> tuple[Array, NDArray[np.int64], int]:
    """Features as float64, labels counted from 0 without gaps, and the number of classes that occur.

    Raises ``InputError`` for values that are not finite, for features that are the same in every row, for fewer than
    two classes, and for no more examples than classes.

    >>> labelled_rows(np.eye(4), np.array([5, 5, 9, 9]))[1:]
    (array([0, 0, 1, 1]), 2)
    """
    x = matrix(features, "features")
    names, y = np.unique(labels_of(labels, len(x), "labels"), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"a score needs two or more classes; the labels hold {len(names)}")
    if len(x) <= len(names):
        raise InputError(f"{len(x)} examples of {len(names)} classes say nothing: give two or more of some class")
    if (x == x[0]).all():
        raise InputError("the features are the same in every row: the model tells none of these examples apart")
    return x, y.astype(np.int64), len(names)


def class_means(x: Array, y: NDArray[np.int64], classes: int) -> tuple[Array, NDArray[np.int64]]:
    """The mean row of each class ``(classes, width)``, and how many rows it has.

    >>> class_means(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), 2)[0].tolist()
    [[2.0], [5.0]]
    """
    counts = np.bincount(y, minlength=classes)
    sums = np.stack([x[y == c].sum(axis=0) for c in range(classes)])
    return sums / counts[:, None], counts
