"""The feature-space alignment of the literature: the linear map from source rows to their images."""

from __future__ import annotations

from typing import Literal

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.matrices import Array, Floats, two_domains


def linear_map(
    source: Floats,
    images: Floats,
    *,
    penalty: float = 1.0,
    towards: Literal["identity", "zero"] = "identity",
    weight: Floats | None = None,
    centre: bool = True,
    strength: float = 1.0,
) -> Affine:
    """``min_A Σ_i w_i ||A x_i - z_i||² + penalty · ||A - P||²_F`` in closed form.

    ``source (n, width)`` and ``images (n, width)`` are pairs: given, or found by ``transport_pairs`` or
    ``prototype_pairs``. ``P`` is 0 for ``towards="zero"``, the literature's form, which shrinks the features as the
    penalty grows, or the identity, which leaves what the pairs do not speak of (most directions, with one pair per
    class) where it was. ``centre`` solves for an offset too, without penalty. Rows of the data are rows of the result:
    ``x -> x @ Aᵀ + offset``. ``strength`` goes that share of the way; 0 is exactly the identity.

    Costs O(n · width · min(n, width)). Raises ``InputError`` for a negative penalty or for pairs of unequal number.
    Prefer ``coral_map`` when there are no pairs to trust. Saenko et al., Adapting visual category models to new
    domains, ECCV 2010, and the least-squares form of Hoffman et al., ICLR 2013.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> linear_map(x, x + 5.0, penalty=0.1)(x).round(6).tolist()
    [[6.0, 5.0], [5.0, 6.0], [6.0, 6.0]]
    """
    x, z = two_domains(source, images)
    if len(x) != len(z) or penalty < 0 or towards not in ("identity", "zero"):
        raise InputError(
            f"linear_map needs as many images as source rows, penalty >= 0 and towards 'identity' or 'zero'; found "
            f"{len(x)} rows, {len(z)} images, penalty {penalty} and towards {towards!r}"
        )
    w = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    from_, to = (np.average(m, axis=0, weights=w) if centre else np.zeros(m.shape[1]) for m in (x, z))
    root = np.sqrt(w)[:, None]
    rows, wanted = (x - from_) * root, (z - to) * root
    start = np.eye(x.shape[1]) if towards == "identity" else np.zeros((x.shape[1], x.shape[1]))
    fitted = start + _ridge(rows, wanted - rows @ start, penalty)
    return Affine(fitted, to - from_ @ fitted if centre else None).part_way(strength)


def _ridge(x: Array, z: Array, penalty: float) -> Array:
    """``argmin_B ||x B - z||² + penalty ||B||²``, by whichever of the two normal equations is smaller."""
    if penalty == 0:
        return np.asarray(np.linalg.lstsq(x, z, rcond=None)[0], dtype=np.float64)
    n, width = x.shape
    if n < width:
        out: Array = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(n), z)
        return out
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(width), x.T @ z), dtype=np.float64)
