"""The proxy A-distance: how well a linear classifier tells the domains apart on rows it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.functional.linear_classifier import fit_linear
from transferium.functional.matrices import Array, Floats, two_domains


@dataclass(frozen=True)
class ADistance:
    """``distance`` in [0, 2]; the cross-validated balanced ``accuracy`` behind it, with a 95 % interval."""

    distance: float
    accuracy: float
    low: float
    high: float


def a_distance(
    source: Floats, target: Floats, *, seed: int, folds: int = 5, penalty: float = 1.0, limit: int = 2000
) -> ADistance:
    """``d_A = 2 (1 - 2 ε)``, with ``ε`` the balanced error of a domain classifier; 0 when at or below chance.

    The classifier is logistic on features standardised by its training rows. At most ``limit`` rows of each domain are
    used, drawn by ``seed``. The interval treats rows as independent: tie near-duplicates out of the data first. In high
    dimension almost any two domains are linearly separable (2.0), so compare distances, do not read one alone. An
    accuracy surely below one half is no distance: the domains share rows, or their means were matched on these rows.
    Raises ``InputError`` with fewer than ``folds`` rows of either domain.
    Ben-David et al., Analysis of representations for domain adaptation, NeurIPS 2006.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(100, 2))
    >>> a_distance(x, x + 9.0, seed=0).distance
    2.0
    """
    rng = np.random.default_rng(seed)
    x, z = (m[np.sort(rng.permutation(len(m))[:limit])] for m in two_domains(source, target, rows=folds))
    rows, domain = np.concatenate([x, z]), np.repeat([0, 1], [len(x), len(z)])
    fold = np.concatenate([rng.permutation(len(m)) % folds for m in (x, z)])
    right = _held_out(rows, domain, fold, folds, penalty)
    counts = [(int(right[domain == d].sum()), int((domain == d).sum())) for d in (0, 1)]
    accuracy = sum(hits / n for hits, n in counts) / 2
    smooth = [((hits + 2) / (n + 4), n + 4) for hits, n in counts]  # Agresti and Coull: never a width of zero
    middle, spread = sum(p for p, _ in smooth) / 2, 1.96 * sum(p * (1 - p) / n for p, n in smooth) ** 0.5 / 2
    low, high = min(middle - spread, accuracy), max(middle + spread, accuracy)
    return ADistance(max(0.0, 2 * (2 * accuracy - 1)), accuracy, max(0.0, low), min(1.0, high))


def _held_out(rows: Array, domain: NDArray[np.int64], fold: NDArray[np.int64], folds: int, penalty: float) -> Array:
    right = np.zeros(len(rows))
    for k in range(folds):
        seen, held = rows[fold != k], rows[fold == k]
        middle, scale = seen.mean(axis=0), seen.std(axis=0)
        scale[scale == 0] = 1.0
        balance = len(seen) / 2 / np.bincount(domain[fold != k])[domain[fold != k]]
        model = fit_linear((seen - middle) / scale, domain[fold != k], balance, classes=2, penalty=penalty)
        right[fold == k] = model((held - middle) / scale).argmax(axis=1) == domain[fold == k]
    return right
