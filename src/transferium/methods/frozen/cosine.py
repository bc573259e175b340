"""A cosine classifier: one direction for each class, and the smallest angle is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferium.functional.linear_classifier import log_softmax
from transferium.functional.matrices import one_hot, unit_rows
from transferium.functional.path_data import single_threaded_blas
from transferium.methods.frozen.frozen_classifier import Array, Cached, Candidate, Labels
from transferium.methods.frozen.nearest_class_mean import NEVER, class_means
from transferium.methods.settings.field import setting
from transferium.models.heads.cosine import CosineHead
from transferium.problems.problem import Problem

PLAIN = 10.0
"""The scale of a head of means: its temperature, learned out of fold, says the rest."""


@dataclass
class CosineClassifier(Cached):
    """One direction for each class, compared by angle with the frozen features.

    ``p_c = softmax(s · cos(x, w_c) / T)`` on frozen features: the length of a feature row has no effect.
    The directions ``w_c`` are the means of the class's examples at length 1 (prototypes), or are learned from there by
    minimising the cross-entropy at a fixed scale ``s``, which is the only thing that holds them back: a small ``s``
    cannot be satisfied and keeps them near the means. Which, and which ``s``, is chosen on folds of the training part;
    ``s / T`` is the learned temperature of the papers. Prefer it with few labels, or where the length of features is a
    nuisance (contrast, size of the object, length of a text). Gidaris & Komodakis, "Dynamic few-shot visual learning
    without forgetting" (2018); Chen et al., "A closer look at few-shot classification" (2019), their Baseline++.
    """

    name: ClassVar[str] = "cosine"

    scales: tuple[float, ...] = setting(
        (10.0, 30.0), "scales at which directions are learned", (1.0, 100.0), {"above": 0}
    )
    learn: bool = setting(True, "learn directions too; no: prototypes alone")
    steps: int = setting(50, "L-BFGS steps at most", (10, 500))

    def _candidates(self, smallest: int) -> Sequence[Candidate]:
        learned = [{"directions": "learned", "scale": float(s)} for s in sorted(set(self.scales))]
        return [{"directions": "means", "scale": PLAIN}, *(learned if self.learn else [])]

    def _answers(self, X: Array, y: Labels, problem: Problem, held: Array, candidates: Sequence[Candidate]) -> Array:
        rows, asked = unit_rows(X), unit_rows(held)
        return np.stack([c["scale"] * asked @ self._learned(rows, y, problem.width, c).T for c in candidates])

    def _head(self, X: Array, y: Labels, problem: Problem, candidate: Candidate, temperature: float) -> CosineHead:
        present, places = np.unique(y, return_inverse=True)
        weight, bias = np.zeros((problem.width, X.shape[1])), np.full(problem.width, -NEVER)
        weight[present] = candidate["scale"] * self._learned(unit_rows(X), places, len(present), candidate)
        bias[present] = 0.0
        return CosineHead(weight, bias, temperature)

    def _learned(self, rows: Array, y: Labels, classes: int, candidate: Candidate) -> Array:
        """Directions ``(classes, width)`` of length 1."""
        start = unit_rows(class_means(rows, y, classes)[0])
        if candidate["directions"] == "means":
            return start
        return learn_directions(rows, y, start, float(candidate["scale"]), self.steps)


def learn_directions(rows: Array, y: Labels, start: Array, scale: float, steps: int) -> Array:
    """Minimise ``mean_i -log softmax(scale · ŵ rows_i)[y_i]``, ``ŵ_c = w_c / |w_c|``, from ``start`` by L-BFGS.

    ``rows (n, width)`` have length 1, ``start`` and the result are ``(classes, width)``. The gradient at ``w_c`` is
    that at ``ŵ_c`` without its part along ``ŵ_c``, over ``|w_c|``.
    """
    from scipy.optimize import minimize

    truth, shape = one_hot(y, len(start)), start.shape

    def loss(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(shape)
        length = np.maximum(np.sqrt((w * w).sum(axis=1, keepdims=True)), 1e-12)
        unit = w / length
        logs = log_softmax(scale * rows @ unit.T)
        slope = scale * (np.exp(logs) - truth).T @ rows / len(y)
        slope -= (slope * unit).sum(axis=1, keepdims=True) * unit
        return float(-(truth * logs).sum() / len(y)), (slope / length).ravel()

    with single_threaded_blas():
        found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    return unit_rows(found.reshape(shape))
