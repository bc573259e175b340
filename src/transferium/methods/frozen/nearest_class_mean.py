"""Nearest class mean: every class is the mean of its examples, and the nearest mean is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferium.methods.frozen.frozen_classifier import Array, Cached, Candidate, Labels
from transferium.models.heads.linear import Head
from transferium.problems.problem import Problem

NEVER = 1e4
"""How far the intercept of a class without examples lies below all others."""


@dataclass
class NearestClassMean(Cached):
    """The class whose mean of frozen features is nearest: good with one to five labels a class.

    Nothing is learned but the means and one temperature.
    ``p_c ∝ exp(-|x - m_c|² / 2T)`` with ``m_c = mean of x_i of class c``. Since ``-|x - m|²/2 = m·x - |m|²/2 - |x|²/2``
    and the last term is the same for every class, this is exactly a linear head: weight ``m_c``, bias ``-|m_c|²/2``.
    A class is added, or an example forgotten, by one mean. Prefer it with one to five labels a class, where the probe
    has nothing to choose its penalty by; with more, the probe also weighs directions. Mensink et al., "Distance-based
    image classification: generalizing to new classes at near-zero cost" (2013).
    """

    name: ClassVar[str] = "ncm"

    def _candidates(self, smallest: int) -> Sequence[Candidate]:
        return [{"distance": "euclidean"}]

    def _answers(self, X: Array, y: Labels, problem: Problem, held: Array, candidates: Sequence[Candidate]) -> Array:
        head = self._head(X, y, problem, candidates[0], 1.0)
        logits: Array = held @ head.weight.T.astype(held.dtype) + head.bias
        return logits[None]

    def _head(self, X: Array, y: Labels, problem: Problem, candidate: Candidate, temperature: float) -> Head:
        means, present = class_means(X, y, problem.width)
        # From the middle of all examples: what every class has in common would only cost digits.
        middle = X.mean(axis=0, dtype=np.float64)
        weight = np.where(present[:, None], means - middle, 0.0)
        bias = -0.5 * (weight * weight).sum(axis=1) - weight @ middle
        # In units of how much the scores differ, so that the temperature means the same for every backbone.
        scores = (X @ weight.T.astype(X.dtype) + bias)[:, present]
        unit = float(np.sqrt(np.mean((scores - scores.mean(axis=1, keepdims=True)) ** 2))) or 1.0
        weight, bias = weight / unit, bias / unit
        return Head(weight, np.where(present, bias, bias[present].min() - NEVER), temperature)


def class_means(X: Array, y: Labels, classes: int) -> tuple[Array, np.ndarray]:
    """Means ``(classes, width)`` of the rows of each class, noughts where there are none, and which classes have any.

    >>> class_means(np.array([[1.0], [3.0], [7.0]]), np.array([0, 0, 2]), 3)[0].ravel().tolist()
    [2.0, 0.0, 7.0]
    """
    counts = np.bincount(y, minlength=classes)
    sums = np.zeros((classes, X.shape[1]))
    np.add.at(sums, y, X)
    return sums / np.maximum(counts, 1)[:, None], counts > 0
