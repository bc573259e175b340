"""CORAL as a transform: source features whitened by their own covariance and coloured by the target's."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.matrices import Array, Floats, two_domains


def coral_map(
    source: Floats, target: Floats, *, ridge: float = 0.1, centre: bool = True, strength: float = 1.0
) -> Affine:
    """The source map ``x -> (x - m_s) (C_s + r_s I)^(-1/2) (C_t + r_t I)^(1/2) + m_t``.

    ``C`` are covariances (divided by n - 1) and ``r = ridge · tr(C)/width``: relative to each domain's own mean
    variance, so that it means the same at every scale; the paper's ``r = 1`` is for features of about unit variance.
    Without ``centre`` the means are left alone, as in the paper, which centres its data first. The target stays put, so
    a head trained on mapped source rows reads raw target rows. ``strength`` 0 is exactly the identity.

    ``ridge`` must be above 0 when there are fewer source rows than features, or features that never vary.
    Prefer ``standardise`` with few rows, ``linear_map`` with trusted pairs. It fails when class shares differ: the
    covariances then differ for a good reason. Sun et al., Return of frustratingly easy domain adaptation, AAAI 2016.

    >>> x = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> coral_map(x, 3.0 * x + 1.0, ridge=0.0)(x).round(6).tolist()
    [[1.0, 1.0], [7.0, 1.0], [1.0, 4.0], [7.0, 4.0]]
    """
    x, z = two_domains(source, target, rows=2)
    if ridge < 0:
        raise InputError(f"ridge={ridge} must be 0 or more")
    if strength == 0:
        return Affine()
    whiten, colour = _power(x, ridge, -0.5, "source"), _power(z, ridge, 0.5, "target")
    matrix = whiten @ colour
    offset = z.mean(axis=0) - x.mean(axis=0) @ matrix if centre else None
    return Affine(matrix, offset).part_way(strength)


def _power(x: Array, ridge: float, exponent: float, name: str) -> Array:
    """``(Cov(x) + ridge · tr/width · I) ** exponent`` through its eigenvalues."""
    centred = x - x.mean(axis=0)
    total = float((centred**2).sum()) / (len(x) - 1)
    floor = ridge * total / x.shape[1]
    if len(x) < x.shape[1] and floor > 1e-12 * total:
        return _power_of_few(centred / np.sqrt(len(x) - 1), floor, exponent)
    covariance = centred.T @ centred / (len(x) - 1)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0) + floor
    if exponent < 0 and values.min() <= 1e-12 * values.max():
        raise InputError(
            f"the {name} covariance has no inverse ({len(x)} rows, width {x.shape[1]}, ridge {ridge}); raise the ridge"
        )
    out: Array = (vectors * values**exponent) @ vectors.T
    return out


def _power_of_few(rows: Array, floor: float, exponent: float) -> Array:
    """``(XᵀX + floor · I) ** exponent`` of ``X = rows (n, width)``, fewer than features, from the ``n x n`` matrix.

    ``floor^e I + Xᵀ U diag(g(s)) Uᵀ X`` with ``X Xᵀ = U diag(s) Uᵀ`` and ``g(s) = ((s + floor)^e - floor^e) / s``,
    which is ``e floor^(e - 1)`` at 0.
    """
    values, vectors = np.linalg.eigh(rows @ rows.T)
    ratio = np.maximum(values, 0.0) / floor
    slope = np.full_like(ratio, exponent)
    np.divide(np.expm1(exponent * np.log1p(ratio)), ratio, out=slope, where=ratio > 0)
    turned = vectors.T @ rows
    out: Array = (turned.T * (slope * floor ** (exponent - 1))) @ turned
    out[np.diag_indices(len(out))] += floor**exponent
    return out
