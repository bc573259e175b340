"""Subspace alignment: the source's principal directions turned onto the target's."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine, Alignment
from transferium.functional.matrices import Array, Floats, two_domains

FLAT = 1e-5
"""Directions with at most this share of the largest spread count as flat: float32 rounds to 1e-7."""


def subspace_alignment(source: Floats, target: Floats, *, dimensions: int, strength: float = 1.0) -> Alignment:
    """``x -> (x - m_s) P_s P_sᵀ P_t P_tᵀ`` for the source and ``x -> (x - m_t) P_t P_tᵀ`` for the target.

    ``P (width, dimensions)`` are the top principal directions of each domain. The paper gives coordinates
    ``(x - m) P_s (P_sᵀ P_t)`` and ``(x - m) P_t``; here both are mapped back into the feature space by the
    orthonormal ``P_tᵀ``, which changes no distance and no inner product, so that ``strength`` can go part of the way
    from the identity. Raises ``InputError`` when ``dimensions`` exceeds what either domain spans.

    Good for a rotation of the features; cannot see a change of scale. Prefer ``coral_map`` when there are several times
    more rows than features. Fernando et al., Unsupervised visual domain adaptation using subspace alignment, ICCV 2013.

    >>> x = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 0.1], [0.0, -0.1]])
    >>> moved = subspace_alignment(x, x[:, ::-1], dimensions=1).source(x)
    >>> np.abs(moved).round(6).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    x, z = two_domains(source, target, rows=2)
    bases = []
    for name, m in (("source", x), ("target", z)):
        basis = principal_directions(m)
        if not 1 <= dimensions <= basis.shape[1]:
            raise InputError(f"dimensions={dimensions} must be from 1 to {basis.shape[1]}, the rank of the {name}")
        bases.append(basis[:, :dimensions])
    onto = bases[1] @ bases[1].T
    maps = [bases[0] @ bases[0].T @ onto, onto]
    return Alignment(*(Affine(a, -m.mean(axis=0) @ a) for m, a in zip((x, z), maps, strict=True))).part_way(strength)


def principal_directions(x: Array) -> Array:
    """``(width, rank)``: orthonormal directions of decreasing variance, without those that are :data:`FLAT`."""
    _, sizes, rows = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    out: Array = rows[sizes > FLAT * max(float(sizes[0]), 1e-300)].T
    return out
