"""Metrics of how sure a classifier is, as functions of how often each example counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.metrics.class_metrics import Array, Statistics, ratio, totals

BINS = 15


def confidence_statistics(y: NDArray[np.int64], probabilities: Array) -> Statistics:
    """Brier score, adaptive calibration error, and area under the risk-coverage curve.

    Brier: ``Σ_k (p_k - [y = k])²``, 0 to 2. Adaptive calibration error: as the expected one, over bins of equally many
    examples (Nixon et al., Measuring calibration in deep learning, 2019). Area: the mean over examples of the share
    of errors among all that are at least as sure (Geifman and El-Yaniv, 2017); lower is better in all.

    >>> compute = confidence_statistics(np.array([0, 1]), np.array([[1.0, 0.0], [0.4, 0.6]]))
    >>> {name: round(float(value[0]), 3) for name, value in compute(np.ones((1, 2))).items()}
    {'brier': 0.16, 'adaptive_calibration_error': 0.2, 'area_under_risk_coverage': 0.0}
    """
    sure, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != y
    spread = np.square(probabilities).sum(axis=1) - 2 * probabilities[np.arange(len(y)), y] + 1
    order = np.argsort(-sure, kind="stable")
    of_bins, gap = totals(equal_bins(probabilities), BINS), sure - ~wrong

    def compute(counts: Array) -> dict[str, Array]:
        n = counts.sum(axis=1)
        ranked = counts[:, order].astype(np.float64)
        risk = ratio((ranked * wrong[order]).cumsum(axis=1), ranked.cumsum(axis=1))
        return {
            "brier": counts @ spread / n,
            "adaptive_calibration_error": np.abs(of_bins(counts * gap)).sum(axis=1) / n,
            "area_under_risk_coverage": (ranked * risk).sum(axis=1) / n,
        }

    return compute


def equal_bins(probabilities: Array) -> NDArray[np.int64]:
    """The bin of each row ``(n,)`` by its largest probability: 15 bins of equally many rows, the surest first."""
    member = np.empty(len(probabilities), np.int64)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    for number, rows in enumerate(np.array_split(order, min(BINS, len(order)))):
        member[rows] = number
    return member


def risk_coverage(y: NDArray[np.int64], probabilities: NDArray[Any], points: int = 10) -> list[dict[str, float]]:
    """Accuracy where only the surest share is answered: rows of ``coverage``, ``accuracy`` and least ``confidence``.

    >>> risk_coverage(np.array([0, 0]), np.array([[0.9, 0.1], [0.4, 0.6]]), points=2)[0]
    {'coverage': 0.5, 'accuracy': 1.0, 'confidence': 0.9}
    """
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    order = np.argsort(-sure, kind="stable")
    rows = []
    for k in np.unique(np.ceil(np.linspace(0, len(y), points + 1)[1:]).astype(int)).tolist():
        shown = order[:k]
        accuracy, least = float(right[shown].mean()), float(sure[shown[-1]])
        rows.append({"coverage": k / len(y), "accuracy": accuracy, "confidence": least})
    return rows
