"""Validators from held-out source labels: plain, importance-weighted, and DEV."""

from __future__ import annotations

import numpy as np

from transferium.functional.adaptation.density_ratio import logistic_ratio
from transferium.functional.adaptation.weights import effective_sample_size
from transferium.functional.linear_classifier import log_softmax
from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.validators.evidence import CannotScoreError


def source_accuracy(labels: Labels, logits: Floats) -> float:
    """The share of held-out source rows predicted rightly, in [0, 1].

    Sees nothing of the target: it cannot tell a model that adapted from one that did not, and ranks first whatever
    fits the source best. A low value says that a model forgot the source.

    >>> source_accuracy(np.array([0, 1]), np.array([[2.0, 1.0], [2.0, 1.0]]))
    0.5
    """
    return float((np.asarray(logits).argmax(axis=1) == labels).mean())


def importance_weights(train: Floats, held_out: Floats, target: Floats, *, penalty: float = 1.0) -> Array:
    """``p_target / p_source`` at the held-out source rows, from a classifier fitted to ``train`` and ``target`` rows.

    Raises ``CannotScoreError`` when the domains hardly overlap: where true weights average 1, these average below 0.2,
    or leave fewer than 10 rows' worth of weight, or 2 %.
    """
    weights = logistic_ratio(train, target, penalty=penalty)(held_out)
    alive, mean = effective_sample_size(weights), float(weights.mean())
    if mean < 0.2:
        raise CannotScoreError(
            "the domains hardly overlap: importance weights should average 1 over held-out source rows and average "
            f"{mean:.2g}"
        )
    if alive < max(10.0, 0.02 * len(weights)):
        raise CannotScoreError(
            f"the domains hardly overlap: {len(weights)} held-out source rows weigh as much as {alive:.1f}, "
            "too few to speak for the target"
        )
    return weights


def importance_weighted(labels: Labels, logits: Floats, weights: Floats) -> float:
    """Importance-weighted validation: ``-Σ w_i CE_i / Σ w_i`` over held-out source rows; at most 0.

    Unbiased for the target's loss under covariate shift with known weights. Fooled when ``p(y | x)`` differs between
    the domains. Sugiyama et al., Covariate shift adaptation by importance weighted cross validation, JMLR 2007.

    >>> round(importance_weighted(np.array([0]), np.array([[0.0, 0.0]]), np.array([3.0])), 4)
    -0.6931
    """
    w = np.asarray(weights, dtype=np.float64)
    return -float((w * _losses(labels, logits)).sum() / w.sum())


def dev(labels: Labels, logits: Floats, weights: Floats) -> float:
    """Deep embedded validation: ``-(mean(w ℓ) + η mean(w) - η)`` with ``η = -Cov(w ℓ, w) / Var(w)``.

    The control variate uses that true weights average 1, and lowers the variance of the weighted loss. With constant
    weights ``η`` is 0. May exceed 0. Fooled like :func:`importance_weighted`.
    You et al., Towards accurate model selection in deep unsupervised domain adaptation, ICML 2019.

    >>> round(dev(np.array([0, 1]), np.zeros((2, 2)), np.array([0.5, 1.5])), 4)
    -0.6931
    """
    w = np.asarray(weights, dtype=np.float64)
    weighted = w * _losses(labels, logits)
    if len(w) < 2:
        raise CannotScoreError(f"DEV needs two or more held-out source rows; found {len(w)}")
    covariance = np.cov(weighted, w)
    eta = -covariance[0, 1] / covariance[1, 1] if covariance[1, 1] > 0 else 0.0
    return -float(weighted.mean() + eta * w.mean() - eta)


def _losses(labels: Labels, logits: Floats) -> Array:
    out: Array = -log_softmax(logits)[np.arange(len(labels)), labels]
    return out
