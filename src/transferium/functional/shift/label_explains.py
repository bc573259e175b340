"""Whether different class shares alone explain the difference between target and source."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats, Labels, labels_of, two_domains


def explained_by_shares(source: Floats, source_labels: Labels, target: Floats) -> float:
    """The share of the difference of the domains' means that a mixture of the source's class means explains, in [0, 1].

    ``1 - min_q ||m_t - Σ_c q_c μ_c||² / ||m_t - m_s||²`` over shares ``q >= 0`` that add up to 1, each feature in units
    of its spread within the classes, and both squared norms less what sampling alone adds to them. Near 1 under pure
    label shift (``p(x | y)`` unchanged): then means *should* differ, and bringing them together breaks what was right.
    Near 0 when the classes themselves moved. 1 when the means do not differ beyond chance, for nothing is left to
    explain.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 200)
    >>> x = rng.normal(size=(400, 3)) + 4.0 * y[:, None] * [1.0, 0.0, 0.0]
    >>> explained_by_shares(x, y, x[100:]) > 0.9, explained_by_shares(x, y, x + [0.0, 3.0, 0.0]) < 0.1
    (True, True)
    """
    from scipy.optimize import nnls

    goal, corners, noise = _in_spreads(source, source_labels, target)
    heavy = 1e3 * max(1.0, float(np.abs(corners).max()))
    A = np.vstack([corners.T, np.full(len(corners), heavy)])
    q = nnls(A, np.append(goal, heavy))[0]
    whole = max(float(goal @ goal) - noise, 0.0)
    left = max(float(((goal - q @ corners) ** 2).sum()) - noise, 0.0)
    return float(np.clip(1 - left / whole, 0.0, 1.0)) if whole > 0 else 1.0


def means_differ(source: Floats, source_labels: Labels, target: Floats) -> bool:
    """Whether the domains' means differ by more than sampling alone adds, each feature in units of its spread.

    >>> x = np.random.default_rng(0).normal(size=(400, 3))
    >>> y = np.repeat([0, 1], 200)
    >>> means_differ(x, y, x + 1.0), means_differ(x, y, x)
    (True, False)
    """
    goal, _, noise = _in_spreads(source, source_labels, target)
    return float(goal @ goal) > noise


def _in_spreads(source: Floats, source_labels: Labels, target: Floats) -> tuple[Array, Array, float]:
    """From the source's mean, in units of the spreads within classes: the target's mean and the classes' means.

    The last is what sampling alone adds to the squared length of the first.
    """
    x, z = two_domains(source, target)
    y = labels_of(source_labels, len(x), "source_labels")
    present, codes = np.unique(y, return_inverse=True)
    means = np.stack([x[codes == c].mean(axis=0) for c in range(len(present))])
    spread = np.sqrt(((x - means[codes]) ** 2).mean(axis=0))
    unit = np.where(spread > 1e-12 * max(float(spread.max()), 1e-300), spread, np.inf)
    middle = x.mean(axis=0)
    noise = float(np.isfinite(unit).sum()) * (1 / len(x) + 1 / len(z))
    return (z.mean(axis=0) - middle) / unit, (means - middle) / unit, noise
