"""Many softmax regressions on one matrix, solved together so that each pass over the data serves all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.lbfgs import Descent, Problems
from transferium.functional.linear_classifier import softmax

Array = NDArray[Any]
CHEAP = 2**30
"""Multiplications in ``X' X`` that cost less than the steps a fresh weighted product saves."""


@dataclass(frozen=True)
class Lockstep(Problems):
    """Problems that share ``X (n, width)`` and differ in ``weights (problems, n)`` alone.

    Each minimises ``C Σ_i weight_i CE(y_i, softmax(W x_i)) + ½ ||W||²``; the last column of ``X`` is 1, and its
    parameters, the intercepts, carry no penalty. The method is L-BFGS; its initial inverse Hessian is the inverse of
    ``C X' diag(v) X + penalty`` with ``v_i`` the curvature of the softmax at the start, averaged over classes and
    problems, which for one problem of two classes is the Hessian itself. Where forming that product would cost more
    than it saves, ``gram`` (``X' X``) stands in, with the mean of ``v``. A direction's logits are computed once, so a
    line search costs no pass over ``X``.
    """

    y: NDArray[np.int64]
    classes: int
    gram: Array | None = None

    @staticmethod
    def gram_of(X: Array) -> Array | None:
        """``X' X`` where ``X`` is too large to form a weighted product for every C."""
        return X.T @ X if X.size * X.shape[1] > CHEAP else None

    def logits(self, W: Array) -> Array:
        flat: Array = W.reshape(-1, W.shape[2]) @ self.X.T
        return flat.reshape(len(W), self.classes, len(self.X))

    def residual(self, Z: Array) -> Array:
        """Weighted ``softmax - onehot(y)``."""
        R = softmax(Z, axis=1)
        R[:, self.y, np.arange(len(self.y))] -= 1
        R *= self.weights[:, None, :]
        return R

    def pull(self, R: Array) -> Array:
        flat: Array = R.reshape(-1, R.shape[2]) @ self.X
        return flat.reshape(len(R), self.classes, self.X.shape[1])

    def descent(self, C: float, W: Array, Z: Array) -> Descent:
        return _Descent(self, C, W, Z, self._preconditioner(C, Z))

    def _preconditioner(self, C: float, logits: Array) -> Callable[[Array], Array]:
        from scipy.linalg import LinAlgError, cho_solve, cholesky

        p = softmax(logits, axis=1)
        curvature = ((p * (1 - p)).sum(axis=1) * self.weights).mean(axis=0) / (self.classes - 1)
        if self.gram is None:
            rows = self.X * np.sqrt(curvature)[:, None]
            M = C * (rows.T @ rows).astype(np.float64)
        else:
            M = C * float(curvature.mean()) * self.gram.astype(np.float64)
        jitter = 4 * float(np.finfo(self.X.dtype).eps) * float(M.diagonal().max()) + 1e-12
        M[np.diag_indices(len(M) - 1)] += 1.0
        while True:
            M[np.diag_indices(len(M))] += jitter
            try:
                factor = cholesky(M, lower=True, check_finite=False).astype(self.X.dtype)
                break
            except LinAlgError:
                jitter *= 10

        def smooth(G: Array) -> Array:
            solved = cho_solve((factor, True), G.reshape(-1, G.shape[2]).T, check_finite=False)
            return np.ascontiguousarray(solved.T).reshape(G.shape)

        return smooth


class _Descent(Descent):
    """One preconditioner for all problems; the preconditioned gradient is kept for the next step."""

    moving = (*Descent.moving, "MG")

    def __init__(self, of: Lockstep, C: float, W: Array, Z: Array, smooth: Callable[[Array], Array]) -> None:
        super().__init__(of, C, W, Z)
        self.smooth, self.MG = smooth, smooth(self.G)

    def smoothed(self) -> Array:
        return self.MG

    def smoothed_change(self, G: Array) -> Array:
        before, self.MG = self.MG, self.smooth(G)
        return self.MG - before
