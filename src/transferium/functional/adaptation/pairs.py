"""Pairs of rows for a linear map where none are given: by optimal transport, or by class prototypes."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.transport import transport_map
from transferium.functional.matrices import Array, Floats, Labels, labels_of, probabilities_of, two_domains


def transport_pairs(source: Floats, target: Floats, *, regularisation: float = 0.05) -> tuple[Array, Array]:
    """Each source row with the barycentre of the target rows that its mass goes to: ``(n, width)`` twice.

    >>> x = np.array([[0.0], [10.0]])
    >>> transport_pairs(x, x + 1.0, regularisation=0.01)[1].round(3).tolist()
    [[1.0], [11.0]]
    """
    return np.asarray(source, dtype=np.float64), transport_map(source, target, regularisation=regularisation)


def prototype_pairs(
    source: Floats, source_labels: Labels, target: Floats, target_probabilities: Floats
) -> tuple[Array, Array, Array]:
    """Each class's source mean, its target mean under soft pseudo-labels, and the target mass it stands on.

    ``target_probabilities (m, classes)`` come from a model trained on the source. Classes that the source lacks, or
    that hold less than one target row of mass, are left out. Returns ``(k, width)``, ``(k, width)`` and ``(k,)``.
    Raises ``InputError`` when no class is left.

    >>> x, y = np.array([[0.0], [2.0], [10.0]]), np.array([0, 0, 1])
    >>> [a.ravel().tolist() for a in prototype_pairs(x, y, x + 1, np.eye(2)[y])]
    [[1.0, 10.0], [2.0, 11.0], [2.0, 1.0]]
    """
    x, z = two_domains(source, target)
    p = probabilities_of(target_probabilities, "target_probabilities")
    y = labels_of(source_labels, len(x), "source_labels", p.shape[1])
    if len(p) != len(z):
        raise InputError(f"one row of probabilities per target row is needed; found {len(p)} for {len(z)}")
    counts, mass = np.bincount(y, minlength=p.shape[1]), p.sum(axis=0)
    kept = np.flatnonzero((counts > 0) & (mass >= 1.0))
    if not len(kept):
        raise InputError("no class has both source rows and a target row's worth of predictions: there are no pairs")
    means = np.stack([x[y == c].mean(axis=0) for c in kept])
    return means, (p.T @ z)[kept] / mass[kept, None], mass[kept]
