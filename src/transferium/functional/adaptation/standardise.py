"""Per-domain standardisation: each feature's mean and variance brought to one scale."""

from __future__ import annotations

from typing import Literal

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine, Alignment
from transferium.functional.matrices import Floats, two_domains


def standardise(
    source: Floats, target: Floats, *, onto: Literal["target", "unit"] = "target", strength: float = 1.0
) -> Alignment:
    """Match every feature's mean and standard deviation across the domains.

    ``onto="target"`` moves the source only, ``x -> (x - m_s) / s_s · s_t + m_t``; ``"unit"`` takes both domains to mean
    0 and variance 1. A feature that is constant in either domain keeps its scale and has its mean moved only.
    ``strength`` 0 is exactly the identity.

    It repairs a change of units, exposure or style and *breaks* data whose class shares differ between the domains,
    whose means then differ for a good reason: let a validator choose. Li et al., Revisiting batch normalization for
    practical domain adaptation (AdaBN), 2016, is the same inside a network.

    >>> x = np.array([[0.0], [2.0]])
    >>> standardise(x, 10.0 * x + 5.0).source(x).tolist()
    [[5.0], [25.0]]
    """
    x, z = two_domains(source, target)
    if onto not in ("target", "unit"):
        raise InputError(f"onto={onto!r} must be 'target' or 'unit'")
    means, scales = [m.mean(axis=0) for m in (x, z)], [m.std(axis=0) for m in (x, z)]
    constant = np.minimum(*scales) <= 1e-12 * np.maximum(np.abs(means[0]), np.abs(means[1])) + 1e-300
    for scale in scales:
        scale[constant] = 1.0
    if onto == "target":
        ratio = scales[1] / scales[0]
        maps = Alignment(Affine(np.diag(ratio), means[1] - means[0] * ratio))
    else:
        maps = Alignment(*(Affine(np.diag(1 / s), -m / s) for m, s in zip(means, scales, strict=True)))
    return maps.part_way(strength)
