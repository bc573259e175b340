"""Transfer component analysis: directions of large variance along which the domains have one mean."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.adaptation.subspace import FLAT
from transferium.functional.matrices import Array, Floats, two_domains


def tca(source: Floats, target: Floats, *, dimensions: int, ridge: float = 1.0, weight: float = 1.0) -> Affine:
    """Transfer component analysis with a linear kernel, solved in feature space.

    ``min_W tr(Wᵀ (weight · δ δᵀ + ridge · I) W)`` subject to ``Wᵀ Xᵀ H X W = n I``: ``δ`` is the difference of the
    domains' means (the linear MMD), ``H`` centres all ``n`` rows together, so each component has variance 1. The
    *one* map ``x -> (x - mean) W`` serves both domains. With ``weight`` 0 it is whitened PCA of the two together.
    ``ridge`` is in the units of a squared feature: give features of about unit length, or scale it with them.

    Costs O(n · width² + width³), whatever the number of rows. Raises ``InputError`` when the rows span fewer
    dimensions. Prefer ``jda`` with good pseudo-labels. Pan et al., Domain adaptation via transfer component analysis,
    IEEE TNN 2011; the feature-space form of Long et al., Transfer feature learning with joint distribution adaptation,
    ICCV 2013.

    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + [9.0, 0.0, 0.0]
    >>> map_ = tca(x, z, dimensions=2)
    >>> bool(np.abs(map_(x).mean(0) - map_(z).mean(0)).max() < 0.05)
    True
    """
    x, z = two_domains(source, target)
    joint, gap = np.concatenate([x, z]), (x.mean(axis=0) - z.mean(axis=0))[None]
    found = latent_directions(joint, np.sqrt(weight) * gap, dimensions=dimensions, ridge=ridge)
    return Affine(found, -joint.mean(axis=0) @ found)


def latent_directions(rows: Array, gaps: Array, *, dimensions: int, ridge: float) -> Array:
    """``W (width, dimensions)`` minimising ``||gaps W||² + ridge ||W||²`` with unit variance along each column of
    ``W``.

    ``gaps (k, width)`` are differences of means that should vanish. Signs are fixed: each column's largest entry is
    positive. Raises ``InputError`` when ``ridge`` is not positive or the rows span fewer than ``dimensions``.
    """
    from scipy.linalg import eigh

    if ridge <= 0:
        raise InputError(f"ridge={ridge} must be above 0")
    centred = rows - rows.mean(axis=0)
    spread, width = centred.T @ centred, rows.shape[1]
    if not 1 <= dimensions <= width:
        raise InputError(f"dimensions={dimensions} must be from 1 to {width}")
    held = gaps.T @ gaps + ridge * np.eye(width)
    variances = np.linalg.eigvalsh(spread)
    if dimensions > int((variances > FLAT**2 * variances[-1]).sum()):
        raise InputError(f"dimensions={dimensions} is more than the {len(rows)} rows span: ask for fewer")
    sizes, vectors = eigh(spread, held, subset_by_index=[width - dimensions, width - 1])
    sizes, vectors = sizes[::-1], vectors[:, ::-1]
    out: Array = vectors * np.sqrt(len(rows) / sizes)
    top = out[np.abs(out).argmax(axis=0), np.arange(dimensions)]
    signed: Array = out * np.sign(top)
    return signed
