"""Whether the difference between the domains is more than chance: MMD with a permutation p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, median_bandwidth, squared_distances, two_domains

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class MMDTest:
    """The unbiased MMD², and the share of relabellings of the rows that reach at least as much."""

    value: float
    p_value: float
    permutations: int


def mmd_permutation_test(
    source: Floats,
    target: Floats,
    *,
    seed: int,
    permutations: int = 500,
    scales: Sequence[float] = SCALES,
    limit: int = 1000,
) -> MMDTest:
    """Unbiased MMD² with the mean of Gaussian kernels around the median distance, tested by permutation.

    ``p = (1 + #{permuted >= observed}) / (1 + permutations)``: exact at every sample size, and never 0. At most
    ``limit`` rows of each domain are used, drawn by ``seed``; memory grows with its square. It assumes that rows are
    exchangeable under no shift: several crops of one image are not. Raises ``InputError`` below two rows of a domain.
    Gretton et al., A kernel two-sample test, JMLR 2012.

    >>> x = np.random.default_rng(0).normal(size=(40, 2))
    >>> mmd_permutation_test(x, x + 3.0, seed=0, permutations=99).p_value
    0.01
    """
    if permutations < 1:
        raise InputError(f"permutations={permutations} must be 1 or more")
    rng = np.random.default_rng(seed)
    x, z = (m[rng.permutation(len(m))[:limit]] for m in two_domains(source, target, rows=2))
    joint = np.concatenate([x, z])
    distances = squared_distances(joint, joint)
    width = median_bandwidth(distances)
    kernel = np.mean([np.exp(-distances / (s * width)) for s in scales], axis=0)
    member = np.repeat([1.0, 0.0], [len(x), len(z)])
    observed = _unbiased(kernel, member[None])[0]
    drawn = _unbiased(kernel, np.stack([rng.permutation(member) for _ in range(permutations)]))
    # A relabelling that only rounding sets apart from the observed one counts as reaching it.
    reached = int((drawn >= observed - 1e-12).sum())
    return MMDTest(float(observed), (1 + reached) / (1 + permutations), permutations)


def _unbiased(kernel: Array, members: Array) -> Array:
    """MMD² for each row of ``members``, which is 1 where a row of the data counts as source."""
    n = members[0].sum()
    m = len(kernel) - n
    products = members @ kernel
    within, touching, total = (products * members).sum(axis=1), products.sum(axis=1), kernel.sum()
    source = (within - members @ np.diag(kernel)) / (n * (n - 1))
    rest = total - 2 * touching + within
    target = (rest - (1 - members) @ np.diag(kernel)) / (m * (m - 1))
    out: Array = source + target - 2 * (touching - within) / (n * m)
    return out
