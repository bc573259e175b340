"""How much likelier a row is in the target than in the source: by a domain classifier, or by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.linear_classifier import Linear, fit_linear
from transferium.functional.matrices import Array, Floats, median_bandwidth, squared_distances, two_domains


@dataclass(frozen=True, eq=False)
class LogisticRatio:
    """``r(x) = p_target(x) / p_source(x)``, read from a domain classifier's odds."""

    classifier: Linear
    rows: tuple[int, int]

    def __call__(self, x: Floats) -> Array:
        logits = self.classifier.logits(x)
        odds: Array = np.exp(np.clip(logits[:, 1] - logits[:, 0], -50.0, 50.0))
        return odds * (self.rows[0] / self.rows[1])


def logistic_ratio(source: Floats, target: Floats, *, penalty: float = 1.0) -> LogisticRatio:
    """``r(x) = n_s/n_t · P(target | x) / P(source | x)`` with a penalised logistic domain classifier.

    ``penalty`` is per unit of squared weight, as in ``fit_linear``; the larger, the nearer the ratio is to 1. The ratio
    is a function: evaluate it on rows that it was *not* fitted on where you can, for in high dimension the classifier
    separates what it has seen. Turn values into weights with ``tempered``.
    Sugiyama et al., Density ratio estimation in machine learning, 2012, chapter 4.

    >>> r = logistic_ratio(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
    >>> bool(r(np.array([[2.0]]))[0] > 1 > r(np.array([[0.0]]))[0])
    True
    """
    x, z = two_domains(source, target)
    y = np.repeat([0, 1], [len(x), len(z)])
    return LogisticRatio(fit_linear(np.concatenate([x, z]), y, classes=2, penalty=penalty), (len(x), len(z)))


@dataclass(frozen=True, eq=False)
class LeastSquaresRatio:
    """``r(x) = Σ_l α_l exp(-||x - centre_l||² / bandwidth)`` with ``α >= 0``, and how it was chosen.

    ``score`` is the leave-one-out estimate of ``½ E_s r² - E_t r``; lower is better.
    """

    centres: Array
    alpha: Array
    bandwidth: float
    penalty: float
    score: float

    def __call__(self, x: Floats) -> Array:
        out: Array = _kernel(np.asarray(x, dtype=np.float64), self.centres, self.bandwidth) @ self.alpha
        return out


def ulsif(
    source: Floats,
    target: Floats,
    *,
    bandwidths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    penalties: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0, 10.0),
    centres: int = 100,
    seed: int = 0,
) -> LeastSquaresRatio:
    """Unconstrained least-squares importance fitting, its two settings chosen by exact leave-one-out.

    ``α = max(0, (H + penalty I)⁻¹ h)``, ``H = E_s φ φᵀ``, ``h = E_t φ``, over Gaussian bumps ``φ`` at up to ``centres``
    target rows drawn by ``seed``; ``bandwidths`` multiply the median squared distance. Costs one solve per pair of
    settings. Prefer ``logistic_ratio`` above some tens of dimensions.
    Kanamori et al., A least-squares approach to direct importance estimation, JMLR 2009.

    >>> rng = np.random.default_rng(0)
    >>> r = ulsif(rng.normal(size=(200, 1)), rng.normal(size=(200, 1)) + 1.0)
    >>> bool(r(np.array([[2.0]]))[0] > r(np.array([[-1.0]]))[0])
    True
    """
    x, z = two_domains(source, target, rows=2)
    if centres < 1 or not bandwidths or not penalties or min(*bandwidths, *penalties) <= 0:
        raise InputError("ulsif needs at least one centre, and bandwidths and penalties that are all above 0")
    rng = np.random.default_rng(seed)
    at = z[np.sort(rng.permutation(len(z))[:centres])]
    shuffled = x[rng.permutation(len(x))], z[rng.permutation(len(z))]
    unit = median_bandwidth(squared_distances(at, at))
    best: LeastSquaresRatio | None = None
    for width in (b * unit for b in bandwidths):
        phi_s, phi_t = (_kernel(rows, at, width) for rows in shuffled)
        for penalty in penalties:
            score = leave_one_out(phi_s, phi_t, penalty)
            if best is None or score < best.score:
                best = LeastSquaresRatio(at, _solve(phi_s, phi_t, penalty), width, penalty, score)
    assert best is not None
    return best


def _kernel(x: Array, centres: Array, bandwidth: float) -> Array:
    return np.exp(-squared_distances(x, centres) / bandwidth)


def _solve(phi_s: Array, phi_t: Array, penalty: float) -> Array:
    H, h = phi_s.T @ phi_s / len(phi_s), phi_t.mean(axis=0)
    return np.maximum(np.linalg.solve(H + penalty * np.eye(len(H)), h), 0.0)


def leave_one_out(phi_s: Array, phi_t: Array, penalty: float) -> float:
    """The mean over ``i`` of ``½ r_i(s_i)² - r_i(t_i)``, where ``r_i`` never saw ``s_i`` and ``t_i``.

    ``phi (n, bumps)``; the first ``min(n_s, n_t)`` rows of each are left out in turn. One solve in all, by the
    Sherman-Morrison formula (Kanamori et al., 2009, appendix), with the same clipping at 0 as the fit.
    """
    ns, nt = len(phi_s), len(phi_t)
    n = min(ns, nt)
    s, t = phi_s[:n].T, phi_t[:n].T
    # Without row i, (H_i + penalty I) = (ns B - s_i s_iᵀ) / (ns - 1), where B = H + penalty (ns - 1)/ns I.
    B = phi_s.T @ phi_s / ns + penalty * (ns - 1) / ns * np.eye(len(s))
    solved_s, solved_t = np.linalg.solve(B, s), np.linalg.solve(B, t)
    solved_h = np.linalg.solve(B, phi_t.mean(axis=0))
    left = (nt * solved_h[:, None] - solved_t) / (nt - 1)
    correction = solved_s * ((s * left).sum(axis=0) / (ns - (s * solved_s).sum(axis=0)))
    alpha = np.maximum((ns - 1) / ns * (left + correction), 0.0)
    at_s, at_t = (s * alpha).sum(axis=0), (t * alpha).sum(axis=0)
    return float((0.5 * at_s**2 - at_t).mean())
