"""The classifier interface of the adaptation algorithms, and a small weighted multinomial logistic regression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.matrices import Array, Floats, Labels, labels_of, matrix, one_hot

Predict = Callable[[Array], Array]
"""Features ``(n, width)`` to class probabilities ``(n, classes)``."""
Fit = Callable[[Array, Labels, "Array | None"], Predict]
"""Features, labels and weights (or None for equal ones) to a ``Predict``."""


@dataclass(frozen=True, eq=False)
class Linear:
    """``softmax(x @ weight.T + bias)`` with ``weight (classes, width)`` and ``bias (classes,)``."""

    weight: Array
    bias: Array

    def logits(self, x: Floats) -> Array:
        out: Array = np.asarray(x, dtype=np.float64) @ self.weight.T + self.bias
        return out

    def __call__(self, x: Floats) -> Array:
        return softmax(self.logits(x))


def log_softmax(logits: Floats) -> Array:
    """Row-wise ``logits - log Σ exp(logits)``, safe for logits of any size.

    >>> log_softmax(np.array([[1000.0, 1000.0]])).round(4).tolist()
    [[-0.6931, -0.6931]]
    """
    shifted = np.asarray(logits, dtype=np.float64) - np.max(logits, axis=-1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out


def softmax(logits: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """``exp(logits) / Σ exp(logits)`` along ``axis``, safe for logits of any size, in their precision.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    shares: NDArray[Any] = logits - logits.max(axis=axis, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=axis, keepdims=True)
    return shares


def fit_linear(
    X: Floats, y: Labels, weight: Floats | None = None, *, classes: int | None = None, penalty: float = 1.0
) -> Linear:
    """Minimise ``Σ_i w_i · CE(y_i, softmax(W x_i + b)) + penalty/2 · ||W||²`` by L-BFGS.

    ``X (n, width)``, ``y (n,)`` from 0, ``weight (n,)`` or None for ones. The intercept carries no penalty. The same
    optimum as scikit-learn's ``LogisticRegression(C=1/penalty)``. Raises ``InputError`` for mismatched shapes.

    >>> model = fit_linear(np.array([[-1.0], [1.0]]), np.array([0, 1]))
    >>> model(np.array([[3.0]])).argmax()
    np.int64(1)
    """
    from scipy.optimize import minimize

    X = matrix(X, "X")
    y = labels_of(y, len(X), "y", classes)
    k = int(y.max()) + 1 if classes is None else classes
    w = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (len(X),) or (w < 0).any():
        raise InputError(f"weight must be {len(X)} numbers, none negative; found shape {w.shape}")
    middle, truth = X.mean(axis=0), one_hot(y, k)
    centred, width = X - middle, X.shape[1]

    def loss(flat: Array) -> tuple[float, Array]:
        W, b = flat[: k * width].reshape(k, width), flat[k * width :]
        logs = log_softmax(centred @ W.T + b)
        error = (np.exp(logs) - truth) * w[:, None]
        gradient = np.concatenate([(error.T @ centred + penalty * W).ravel(), error.sum(axis=0)])
        return float(-(w[:, None] * truth * logs).sum() + 0.5 * penalty * (W * W).sum()), gradient

    options = {"maxiter": 2000, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-8 * max(1.0, float(w.sum()))}
    found = minimize(loss, np.zeros(k * (width + 1)), jac=True, method="L-BFGS-B", options=options).x
    W = found[: k * width].reshape(k, width)
    return Linear(W, found[k * width :] - W @ middle)
