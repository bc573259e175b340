"""Cross-validation of predictions on the target: how well one half of its rows, so labelled, teaches the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferium.functional.linear_classifier import Fit, fit_linear
from transferium.functional.matrices import Array, Floats, Labels, labels_of, matrix, unit_rows
from transferium.functional.validators.agreement import kappa
from transferium.functional.validators.evidence import CannotScoreError


def cross_validated(
    features: Floats,
    predictions: Sequence[Labels],
    *,
    classes: int,
    fit: Fit = fit_linear,
    limit: int = 1000,
    seed: int = 0,
) -> list[float]:
    """Of each candidate: Cohen's kappa of its predictions with those that a probe of the other half's would make.

    ``features (n, width)`` are brought to unit length and halved by ``seed``; at most ``limit`` rows of a half, with
    the candidate's predictions ``(n,)`` as labels, train the probe that predicts the other half. In [-1, 1]; 0 for
    chance and for one class alone. High where the predicted classes are groups that a linear probe can find again, low
    where they are noise. It says nothing of the names: groups that are no classes are found again just as well.
    Raises ``CannotScoreError`` for fewer than four rows.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]] * 8)
    >>> [round(each, 2) for each in cross_validated(x, [np.array([0, 1] * 8), np.zeros(16, int)], classes=2)]
    [1.0, 0.0]
    """
    x = unit_rows(matrix(features, "target features"))
    if len(x) < 4:
        raise CannotScoreError(f"two halves need four target rows or more; found {len(x)}")
    answers = [labels_of(y, len(x), "predictions", classes) for y in predictions]
    found = [np.zeros(len(x), np.int64) for _ in answers]
    order = np.random.default_rng(seed).permutation(len(x))
    halves = order[: len(x) // 2], order[len(x) // 2 :]
    for here, there in (halves, halves[::-1]):
        taught = here[:limit]
        span = _span(x[taught])
        rows, asked = x[taught] @ span, x[there] @ span
        for y, told in zip(answers, found, strict=True):
            seen, codes = np.unique(y[taught], return_inverse=True)
            told[there] = seen[0] if len(seen) == 1 else seen[fit(rows, codes, None)(asked).argmax(axis=1)]
    return [kappa(y, told, classes)[0] for y, told in zip(answers, found, strict=True)]


def _span(rows: Array) -> Array:
    """``(width, r)`` directions that a penalised linear probe of ``rows (n, width)`` can use, never more than n."""
    if rows.shape[1] <= len(rows):
        return np.eye(rows.shape[1])
    out: Array = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2].T
    return out
