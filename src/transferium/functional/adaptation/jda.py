"""Joint and balanced distribution adaptation: marginals and class conditionals brought together in turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.adaptation.tca import latent_directions
from transferium.functional.linear_classifier import Fit
from transferium.functional.matrices import Array, Floats, Labels, fraction, labels_of, two_domains


@dataclass(frozen=True, eq=False)
class JointAdaptation:
    """The map that serves both domains, the target labels of the last round, and how many changed in each round."""

    map: Affine
    target_labels: NDArray[np.int64]
    changed: tuple[int, ...]


def jda(
    source: Floats,
    source_labels: Labels,
    target: Floats,
    fit: Fit,
    *,
    dimensions: int,
    balance: float = 0.5,
    ridge: float = 1.0,
    rounds: int = 10,
    weight: float = 1.0,
) -> JointAdaptation:
    """Alternate between directions without class gaps and pseudo-labels read along them.

    ``min_W tr(Wᵀ (2 weight ((1 - balance) δ₀ δ₀ᵀ + balance Σ_c δ_c δ_cᵀ) + ridge I) W)``, unit variance per component:
    ``δ₀`` is the difference of the domains' means, ``δ_c`` that of class ``c``'s means under the present pseudo-labels,
    for classes that both hold. ``balance`` 0.5 is JDA, 0 is ``tca`` with twice the weight, any other BDA. The first
    round has no pseudo-labels and uses ``δ₀`` alone. It stops when no label changes, or after ``rounds``.

    ``fit(features, labels, None)`` must give a function to probabilities (``fit_linear`` does). It lives on its
    pseudo-labels: when source-only predictions are poor, prefer ``tca`` or ``coral_map``.
    Long et al., ICCV 2013 (JDA); Wang et al., Balanced distribution adaptation, ICDM 2017 (BDA).

    >>> from transferium.functional.linear_classifier import fit_linear
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 30)
    >>> x = rng.normal(size=(60, 2)) + 4.0 * y[:, None]
    >>> found = jda(x, y, x + [3.0, -3.0], fit_linear, dimensions=1)
    >>> float((found.target_labels == y).mean()) > 0.9
    True
    """
    x, z = two_domains(source, target)
    y = labels_of(source_labels, len(x), "source_labels")
    fraction(balance, "balance")
    if rounds < 1:
        raise InputError(f"rounds={rounds} must be 1 or more")
    if not weight >= 0:
        raise InputError(f"weight={weight} must be 0 or more")
    return _alternate(x, y, z, fit, (balance, weight), dimensions, ridge, rounds)


def _alternate(
    x: Array,
    y: NDArray[np.int64],
    z: Array,
    fit: Fit,
    terms: tuple[float, float],
    dimensions: int,
    ridge: float,
    rounds: int,
) -> JointAdaptation:
    """``terms`` are balance and weight."""
    balance, weight = terms
    joint, changed = np.concatenate([x, z]), list[int]()
    guess: NDArray[np.int64] | None = None
    for _ in range(rounds):
        gaps = np.sqrt(weight) * _gaps(x, y, z, guess, balance)
        found = latent_directions(joint, gaps, dimensions=dimensions, ridge=ridge)
        map_ = Affine(found, -joint.mean(axis=0) @ found)
        before, guess = guess, fit(np.asarray(map_(x)), y, None)(np.asarray(map_(z))).argmax(axis=1)
        changed.append(len(z) if before is None else int((before != guess).sum()))
        if not changed[-1]:
            break
    assert guess is not None
    return JointAdaptation(map_, guess, tuple(changed))


def _gaps(x: Array, y: NDArray[np.int64], z: Array, guess: NDArray[np.int64] | None, balance: float) -> Array:
    """Differences of means that should vanish, ``(1 + shared classes, width)``, the marginal one first."""
    rows = [np.sqrt(2 * (1 - balance)) * (x.mean(axis=0) - z.mean(axis=0))]
    if guess is not None:
        share = np.sqrt(2 * balance)
        rows += [share * (x[y == c].mean(axis=0) - z[guess == c].mean(axis=0)) for c in np.intersect1d(y, guess)]
    return np.stack(rows)
