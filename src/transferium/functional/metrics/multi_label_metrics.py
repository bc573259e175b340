"""Metrics of several labels an example, as functions of how often each example counts: ones give the estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError

Array = NDArray[Any]
Statistics = Callable[[Array], dict[str, Array]]
PER_LABEL = ("precision", "recall", "f1")


def label_statistics(Y: Array, guess: Array) -> Statistics:
    """The metrics of predicted labels ``guess (n, k)`` against the true ones ``Y (n, k)``, both of 0 and 1.

    With ``TP``, ``FP`` and ``FN`` of each label, ``f1 = 2 TP / (2 TP + FP + FN)``, and 0 where there is nothing to
    divide by. ``micro_precision``, ``micro_recall`` and ``micro_f1`` add up all labels first; ``macro_f1`` is the mean
    over labels that occur in ``Y`` or ``guess``; ``subset_accuracy`` is the share of examples with every label right,
    ``hamming_loss`` that of wrong entries. ``precision``, ``recall`` and ``f1`` are ``(some, k)``, one for each label.

    The function takes counts ``(some, n)``. Raises ``DataError`` for shapes that do not match. As in scikit-learn,
    where macro means over labels that occur are those of ``zero_division=np.nan``.

    >>> found = label_statistics(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]]))(np.ones((1, 2)))
    >>> {name: float(found[name][0].round(3)) for name in ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss")}
    {'micro_f1': 0.8, 'macro_f1': 0.833, 'subset_accuracy': 0.5, 'hamming_loss': 0.25}
    """
    truth, said = _matching(Y, guess, "guess")
    truth, said = truth.astype(bool), said.astype(bool)
    k, wrong = truth.shape[1], truth != said
    sums = np.hstack([truth & said, truth, said, wrong.sum(axis=1)[:, None], ~wrong.any(axis=1)[:, None]])
    by_dtype = {np.dtype(kind): sums.astype(kind) for kind in (np.float32, np.float64)}

    def compute(counts: Array) -> dict[str, Array]:
        counts = counts if counts.dtype in by_dtype else counts.astype(np.float64)
        total, n = counts @ by_dtype[counts.dtype], counts.sum(axis=1, dtype=np.float64)
        true, support, predicted = total[:, :k], total[:, k : 2 * k], total[:, 2 * k : 3 * k]
        each = _shares(true, support, predicted)
        everywhere = _shares(*(part.sum(axis=1) for part in (true, support, predicted)))
        result = {f"micro_{name}": value for name, value in everywhere.items()}
        result["macro_f1"] = _ratio(each["f1"].sum(axis=1), (support + predicted > 0).sum(axis=1))
        return result | {"subset_accuracy": total[:, -1] / n, "hamming_loss": total[:, -2] / (n * k)} | each

    return compute


def label_probability_statistics(Y: Array, probabilities: Array) -> Statistics:
    """``log_loss``: the mean over examples and labels of ``-Y log p - (1 - Y) log(1 - p)``.

    Probabilities ``(n, k)`` are clipped to float64's epsilon, as in scikit-learn. The function takes counts
    ``(some, n)``. Raises ``DataError`` for shapes that do not match.

    >>> label_probability_statistics(np.array([[1, 0]]), np.array([[0.5, 0.5]]))(np.ones((1, 1)))["log_loss"].round(3)
    array([0.693])
    """
    truth, p = _matching(Y, probabilities, "probabilities")
    tiny = np.finfo(np.float64).eps
    right = np.clip(np.where(truth.astype(bool), p, 1 - p.astype(np.float64)), tiny, 1 - tiny)
    loss = -np.log(right).mean(axis=1)
    return lambda counts: {"log_loss": counts @ loss / counts.sum(axis=1, dtype=np.float64)}


def _shares(true: Array, support: Array, predicted: Array) -> dict[str, Array]:
    f1 = _ratio(2 * true, support + predicted)
    return {"precision": _ratio(true, predicted), "recall": _ratio(true, support), "f1": f1}


def _ratio(part: Array, whole: Array) -> Array:
    """``part / whole``, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0, dtype=np.float64)


def _matching(Y: Array, other: Array, name: str) -> tuple[Array, Array]:
    Y, other = np.asarray(Y), np.asarray(other)
    if Y.ndim != 2 or Y.shape != other.shape or not Y.size:
        raise DataError(f"labels and {name} must both be (examples, labels); they are {Y.shape} and {other.shape}.")
    return Y, other
