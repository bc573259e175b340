"""Metrics of classes as functions of how often each example counts: ones give the estimates, resamples the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.calibration import confidence_bins

Array = NDArray[Any]
Statistics = Callable[[Array], dict[str, Array]]
PER_CLASS = ("precision", "recall", "f1")


def class_statistics(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> Statistics:
    """Accuracy and everything made of precision and recall; ``(some, classes)`` for the figures of one class.

    As in scikit-learn with ``zero_division=0``: macro means run over classes that occur among labels or predictions,
    balanced accuracy over classes that occur among labels.
    """

    of_labels, of_guesses, right = totals(y, classes), totals(guess, classes), y == guess

    def compute(counts: Array) -> dict[str, Array]:
        true = of_labels(counts * right)
        support, predicted = of_labels(counts), of_guesses(counts)
        each = {
            "precision": ratio(true, predicted),
            "recall": ratio(true, support),
            "f1": ratio(2 * true, support + predicted),
        }
        occurs, n = support + predicted > 0, counts.sum(axis=1)
        result = {"accuracy": true.sum(axis=1) / n}
        result["balanced_accuracy"] = each["recall"].sum(axis=1) / (support > 0).sum(axis=1)
        for name in PER_CLASS:
            result[f"macro_{name}"] = each[name].sum(axis=1) / occurs.sum(axis=1)
        for name in PER_CLASS:
            result[f"weighted_{name}"] = (each[name] * support).sum(axis=1) / n
        return result | each

    return compute


def probability_statistics(y: NDArray[np.int64], probabilities: Array, bins: int = 15) -> Statistics:
    """Log-loss (probabilities clipped to float64's epsilon, as in scikit-learn) and expected calibration error."""
    tiny = np.finfo(np.float64).eps
    loss = -np.log(np.clip(probabilities[np.arange(len(y)), y], tiny, 1 - tiny))
    gap = probabilities.max(axis=1) - (probabilities.argmax(axis=1) == y)
    of_bins = totals(confidence_bins(probabilities, bins), bins)

    def compute(counts: Array) -> dict[str, Array]:
        n = counts.sum(axis=1)
        error = np.abs(of_bins(counts * gap)).sum(axis=1)
        return {"log_loss": counts @ loss / n, "calibration_error": error / n}

    return compute


def ranking_statistics(positive: NDArray[np.bool_], score: Array) -> Statistics:
    """Area under the ROC curve and average precision of two classes; NaN for samples that lack one of them."""
    order = np.argsort(-score, kind="stable")
    _, starts = np.unique(-score[order], return_index=True)
    is_yes = positive[order]

    def compute(counts: Array) -> dict[str, Array]:
        # Counts are whole numbers, so that sums and differences are exact in any order.
        ranked = counts[:, order]
        yes = np.add.reduceat(ranked * is_yes, starts, axis=1, dtype=np.float64)
        no = np.add.reduceat(ranked, starts, axis=1, dtype=np.float64) - yes
        above, below = yes.cumsum(axis=1), no.cumsum(axis=1)
        pairs, all_yes = above[:, -1] * below[:, -1], above[:, -1:]
        area = (no * (above - yes / 2)).sum(axis=1)
        precision = (yes * ratio(above, above + below)).sum(axis=1)
        missing = np.where(pairs > 0, 1.0, np.nan)
        return {
            "roc_auc": ratio(area, pairs) * missing,
            "average_precision": ratio(precision, all_yes[:, 0]) * missing,
        }

    return compute


def confusion_matrix(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The number of examples of each class (row) with each predicted class (column)."""
    counts = np.bincount(y * classes + guess, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def totals(member: NDArray[np.int64], size: int) -> Callable[[Array], Array]:
    """Sums ``(some, size)`` of the columns of ``counts (some, n)`` that belong together; ``member`` is sorted once."""
    order = np.argsort(member, kind="stable")
    present, starts = np.unique(member[order], return_index=True)

    def sums(counts: Array) -> Array:
        result = np.zeros((len(counts), size), counts.dtype)
        result[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
        return result

    return sums


def ratio(part: Array, whole: Array) -> Array:
    """``part / whole``, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0, dtype=np.float64)
