"""LogME: the logarithm of the maximum evidence of a Bayesian linear model of the labels."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, Labels, one_hot
from transferium.functional.transferability.labelled_rows import labelled_rows

LOWEST, HIGHEST, STEPS = -10.0, 8.0, 73
"""Powers of ten between which the ratio of noise to signal is sought, in units of the mean squared singular value."""
ROUNDS, POINTS = 5, 21
"""How often the best step is divided again, and into how many points."""
RANK = 1e-12
"""Squared singular values below this share of the largest count as 0."""


def logme(features: Floats, labels: Labels) -> float:
    """``mean_c max_{α, β} log N(y_c; 0, I/β + F Fᵀ/α) / n``: what a linear head explains; higher is better.

    ``features (n, width)``, ``labels (n,)`` whole numbers; ``y_c`` is 1 for the examples of class ``c`` and else 0. In
    the basis of ``F``'s singular vectors the covariance is diagonal, and for each ratio ``α/β`` the best ``β`` has a
    closed form, so that one number is sought for each class. The same for rotated, scaled and reordered features. Not
    for shifted ones: the model has no intercept. It compares models of any width; sizes of data are not comparable.
    Raises ``InputError`` for what ``labelled_rows`` refuses.
    You et al., LogME: practical assessment of pre-trained models for transfer learning, ICML 2021.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> x = rng.normal(size=(100, 4))
    >>> logme(x + 3.0 * y[:, None], y) > logme(x, y)
    True
    """
    x, y, classes = labelled_rows(features, labels)
    squares, parts, rest = _rotated(x, one_hot(y, classes))
    unit = float(squares.mean())
    coarse = unit * np.logspace(LOWEST, HIGHEST, STEPS)
    best = _evidence(coarse, squares, parts, rest, len(x)).argmax(axis=0)
    found = [_refined(np.log(coarse), int(best[c]), squares, parts[:, [c]], rest[[c]], len(x)) for c in range(classes)]
    return float(np.mean(found)) / len(x)


def _rotated(x: Array, targets: Array) -> tuple[Array, Array, Array]:
    """Squared singular values ``(r,)``, each target's squared parts along them ``(r, k)``, and what lies outside."""
    n, width = x.shape
    squares, vectors = np.linalg.eigh(x.T @ x if width <= n else x @ x.T)
    kept = squares > RANK * squares[-1]
    squares, vectors = squares[kept], vectors[:, kept]
    along = vectors.T @ targets if width > n else (vectors.T @ (x.T @ targets)) / np.sqrt(squares)[:, None]
    parts = along**2
    return squares, parts, np.maximum((targets**2).sum(axis=0) - parts.sum(axis=0), 0.0)


def _evidence(ratios: Array, squares: Array, parts: Array, rest: Array, n: int) -> Array:
    """The log evidence ``(ratios, targets)`` at each ``α/β``, with the best ``β`` for it."""
    spread = 1.0 + squares / ratios[:, None]
    noise = (1.0 / spread @ parts + rest) / n
    out: Array = -0.5 * n * (np.log(2 * np.pi * noise) + 1.0) - 0.5 * np.log(spread).sum(axis=1)[:, None]
    return out


def _refined(logs: Array, best: int, squares: Array, parts: Array, rest: Array, n: int) -> float:
    """The maximum near the ``best`` of ``logs``, the step around it divided again and again."""
    value = -np.inf
    for _ in range(ROUNDS):
        logs = np.linspace(logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)], POINTS)
        values = _evidence(np.exp(logs), squares, parts, rest, n)[:, 0]
        best = int(values.argmax())
        value = max(value, float(values[best]))
    return value
