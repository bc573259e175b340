"""Label shift: the target's class shares, estimated without its labels, and predictions corrected for them."""

from __future__ import annotations

import numpy as np

from transferium.errors import DataError, InputError
from transferium.functional.matrices import (
    Array,
    Floats,
    Labels,
    distribution_of,
    fraction,
    labels_of,
    probabilities_of,
)


def bbse(
    source_labels: Labels, source_probabilities: Floats, target_probabilities: Floats, *, soft: bool = True
) -> Array:
    """Black-box shift estimation: the target class shares ``q (classes,)`` that explain the target's predictions.

    ``C[k, c] = mean over source rows of class c of p_k`` (from *held-out* source rows), ``μ_k = mean of p_k over the
    target``; ``q = argmin ||C q - μ||²`` over ``q >= 0``, scaled to add up to 1. ``soft`` uses probabilities, otherwise
    the shares of arg-max classes. Assumes ``p(x | y)`` unchanged. Raises ``DataError`` when a class has no held-out
    source row, or when the predictions cannot tell the classes apart (``C`` nearly singular).

    Prefer :func:`saerens` with calibrated probabilities, where it has less variance.
    Lipton et al., Detecting and correcting for label shift with black box predictors, ICML 2018.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    >>> bbse(y, p, p[[0, 2, 2, 2]]).round(6).tolist()
    [0.25, 0.75]
    """
    p, q = (
        probabilities_of(source_probabilities, "source_probabilities"),
        probabilities_of(target_probabilities, "target_probabilities"),
    )
    if p.shape[1] != q.shape[1]:
        raise InputError(f"both domains must be predicted over the same classes; found {p.shape[1]} and {q.shape[1]}")
    y = labels_of(source_labels, len(p), "source_labels", p.shape[1])
    if not soft:
        p, q = (np.eye(p.shape[1])[m.argmax(axis=1)] for m in (p, q))
    return _shares(y, p, q.mean(axis=0))


def _shares(y: Labels, p: Array, seen: Array) -> Array:
    from scipy.optimize import nnls

    classes = p.shape[1]
    counts = np.bincount(y, minlength=classes)
    if (counts == 0).any():
        raise DataError(f"class {int(counts.argmin())} has no held-out source row, so its predictions are unknown")
    confusion = np.stack([p[y == c].mean(axis=0) for c in range(classes)], axis=1)
    if np.linalg.svd(confusion, compute_uv=False)[-1] < 1e-6:
        raise DataError("the predictions do not tell the classes apart, so class shares cannot be estimated from them")
    found = nnls(confusion, seen)[0]
    shares: Array = found / found.sum()
    return shares


def bbse_interval(
    source_labels: Labels,
    source_probabilities: Floats,
    target_probabilities: Floats,
    *,
    seed: int,
    soft: bool = True,
    resamples: int = 500,
    level: float = 0.95,
) -> tuple[Array, Array, Array]:
    """``(estimate, low, high)``, each ``(classes,)``: percentile bootstrap over both domains' rows.

    Source rows are drawn within each class, so that no resample loses one. Percent points of ``level`` (0.95).

    >>> y, p = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> q, low, high = bbse_interval(y, p, p, seed=0, resamples=50)
    >>> bool((low <= q + 1e-9).all() and (q <= high + 1e-9).all())
    True
    """
    estimate = bbse(source_labels, source_probabilities, target_probabilities, soft=soft)
    y, p, q = np.asarray(source_labels), np.asarray(source_probabilities), np.asarray(target_probabilities)
    if not soft:
        p, q = (np.eye(p.shape[1])[m.argmax(axis=1)] for m in (p, q))
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(y == c) for c in range(p.shape[1])]
    drawn = np.empty((resamples, p.shape[1]))
    for k in range(resamples):
        rows = np.concatenate([rng.choice(m, len(m)) for m in members])
        try:
            drawn[k] = _shares(y[rows], p[rows], q[rng.integers(len(q), size=len(q))].mean(axis=0))
        except DataError:  # a resample may be singular where the data are not: it says nothing about the shares
            drawn[k] = np.nan
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return estimate, low, high


def saerens(
    target_probabilities: Floats, source_prior: Floats, *, tolerance: float = 1e-10, iterations: int = 10_000
) -> Array:
    """The target class shares by maximum likelihood: expectation maximisation over the predictions, ``(classes,)``.

    Repeats ``q <- mean_i p_i ⊙ (q / prior) / Σ`` from ``q = prior`` until no share moves by more than ``tolerance``.
    The probabilities must be calibrated on the source (temperature scaling helps much). A class that the prior gives 0
    stays at 0. Prefer :func:`bbse` when they are not calibrated.
    Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 2002;
    Alexandari et al., Maximum likelihood with bias-corrected calibration, ICML 2020.

    >>> p = np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    >>> saerens(p, np.array([0.5, 0.5])).round(3).tolist()
    [0.188, 0.812]
    """
    p = probabilities_of(target_probabilities, "target_probabilities")
    prior = distribution_of(source_prior, p.shape[1], "source_prior")
    q = prior
    for _ in range(iterations):
        posterior = correct_posteriors(p, prior, q)
        before, q = q, posterior.mean(axis=0)
        if np.abs(q - before).max() <= tolerance:
            break
    return q


def correct_posteriors(
    probabilities: Floats, source_prior: Floats, target_prior: Floats, *, strength: float = 1.0
) -> Array:
    """``p_ic · (q_c / prior_c) ** strength``, rows scaled to add up to 1: predictions for the target's class shares.

    ``strength`` 0, or equal priors, give the probabilities unchanged, bit for bit. A class with prior 0 keeps 0.

    >>> correct_posteriors(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.2, 0.8])).round(6).tolist()
    [[0.2, 0.8]]
    """
    p = probabilities_of(probabilities, "probabilities")
    prior = distribution_of(source_prior, p.shape[1], "source_prior")
    q = distribution_of(target_prior, p.shape[1], "target_prior")
    if fraction(strength, "strength") == 0 or np.array_equal(prior, q):
        return p
    ratio = np.divide(q, prior, out=np.zeros_like(q), where=prior > 0) ** strength
    weighted: Array = p * ratio
    total = weighted.sum(axis=1, keepdims=True)
    corrected: Array = np.divide(weighted, total, out=p.copy(), where=total > 0)
    return corrected
