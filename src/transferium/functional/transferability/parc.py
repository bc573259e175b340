"""PARC: whether examples that look alike to a model have one label."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, Labels
from transferium.functional.transferability.labelled_rows import labelled_rows


def parc(features: Floats, labels: Labels, *, limit: int = 500, seed: int = 0) -> float:
    """The Spearman correlation, over all pairs, of ``1 - r(f_i, f_j)`` with whether the labels differ; in [-1, 1].

    ``r`` is the Pearson correlation of two rows of ``features (n, width)``; equal labels are nearer than different
    ones, and all different ones are equally far. Of more than ``limit`` examples as many are drawn by ``seed`` (as in
    the paper, where 100 times this is reported). The same where a row is scaled or shifted as a whole; not for rotated
    features. Raises ``InputError`` for what ``labelled_rows`` refuses and for a row of equal values.
    Bolya et al., Scalable diverse model selection for accessible transfer learning, NeurIPS 2021.

    >>> x = np.array([[1.0, 0.0, 0.0], [2.0, 0.1, 0.0], [0.0, 0.0, 1.0], [0.1, 0.0, 1.0]])
    >>> round(parc(x, np.array([0, 0, 1, 1])), 3)
    0.828
    """
    x, y, _ = labelled_rows(features, labels)
    if len(x) > limit:
        rows = np.sort(np.random.default_rng(seed).permutation(len(x))[:limit])
        x, y, _ = labelled_rows(x[rows], y[rows])
    x = x - x.mean(axis=1, keepdims=True)
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    if (length <= 1e-12 * max(float(length.max()), 1e-300)).any():
        row = int(length[:, 0].argmin())
        raise InputError(f"the features of row {row} are all equal, so that nothing correlates with them")
    x /= length
    pairs = np.triu_indices(len(x), k=1)
    return _spearman((1.0 - x @ x.T)[pairs], (y[pairs[0]] != y[pairs[1]]).astype(np.float64))


def _spearman(a: Array, b: Array) -> float:
    from scipy.stats import rankdata

    ranks = [rankdata(v) for v in (a, b)]
    return float(np.corrcoef(ranks)[0, 1])
