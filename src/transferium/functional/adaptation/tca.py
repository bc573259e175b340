"""Transfer component analysis: directions of large variance along which the domains have one mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.adaptation.subspace import FLAT
from transferium.functional.matrices import Array, Floats, median_bandwidth, squared_distances, two_domains


@dataclass(frozen=True, eq=False)
class KernelProjection:
    """``x -> (k(x, anchors) - centre) @ weight`` with ``k = exp(-||x - a||² / bandwidth)``."""

    anchors: Array
    bandwidth: float
    centre: Array
    weight: Array

    def __call__(self, x: Floats) -> Array:
        kernel = np.exp(-squared_distances(np.asarray(x, dtype=np.float64), self.anchors) / self.bandwidth)
        out: Array = (kernel - self.centre) @ self.weight
        return out


def tca(source: Floats, target: Floats, *, dimensions: int, ridge: float = 1.0, weight: float = 1.0) -> Affine:
    """Transfer component analysis with a linear kernel, solved in feature space.

    ``min_W tr(Wᵀ (weight · δ δᵀ + ridge · I) W)`` subject to ``Wᵀ Xᵀ H X W = n I``: ``δ`` is the difference of the
    domains' means (the linear MMD), ``H`` centres all ``n`` rows together, so each component has variance 1. The
    *one* map ``x -> (x - mean) W`` serves both domains. With ``weight`` 0 it is whitened PCA of the two together.
    ``ridge`` is in the units of a squared feature: give features of about unit length, or scale it with them.

    Costs O(n · width² + width³), whatever the number of rows. Raises ``InputError`` when the rows span fewer
    dimensions. Prefer ``kernel_tca`` for a shift that is not in the means and up to about 2,000 rows, ``jda`` with good
    pseudo-labels. Pan et al., Domain adaptation via transfer component analysis, IEEE TNN 2011; the feature-space form
    of Long et al., Transfer feature learning with joint distribution adaptation, ICCV 2013.

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


def kernel_tca(
    source: Floats,
    target: Floats,
    *,
    dimensions: int,
    ridge: float = 1.0,
    weight: float = 1.0,
    bandwidth: float | None = None,
) -> KernelProjection:
    """Transfer component analysis with a Gaussian kernel: ``min_W tr(Wᵀ (weight · K L K + ridge · I) W)``.

    Subject to ``Wᵀ K H K W = n I``: the components are the leading generalised eigenvectors of ``K H K`` against
    ``K L K + ridge · I`` (Pan et al., equation 12). ``bandwidth`` None is the median squared distance. Costs O(n³) time
    and O(n²) memory in the rows of both domains together: use :func:`tca` beyond a few thousand.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(20, 2))
    >>> kernel_tca(x, x + 1.0, dimensions=2)(x).shape
    (20, 2)
    """
    x, z = two_domains(source, target)
    joint = np.concatenate([x, z])
    distances = squared_distances(joint, joint)
    width = median_bandwidth(distances) if bandwidth is None else bandwidth
    kernel = np.exp(-distances / width)
    gap = (kernel[: len(x)].mean(axis=0) - kernel[len(x) :].mean(axis=0))[None]
    found = latent_directions(kernel, np.sqrt(weight) * gap, dimensions=dimensions, ridge=ridge)
    return KernelProjection(joint, width, kernel.mean(axis=0), found)


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
