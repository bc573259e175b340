"""The references for any result: a constant, the nearest class mean, and a probe without transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.problems.problem import Problem

Labels = NDArray[np.int64]
Array = NDArray[np.float64]


def constant(problem: Problem, train_labels: NDArray[Any], n: int) -> Array:
    """The same outputs ``(n, width)`` for every example: class shares, rates of labels, or the mean amount of train.

    >>> from transferium.problems.classes import Classes
    >>> constant(Classes(("a", "b")), np.array([0, 0, 1]), 1).round(2).tolist()
    [[0.67, 0.33]]
    """
    return np.tile(problem.constant(train_labels), (n, 1))


def nearest_mean(train_X: NDArray[Any], train_y: Labels, X: NDArray[Any], classes: int) -> Array:
    """The class whose mean of training features is nearest: ``softmax(-distance² / T)`` ``(n, classes)``.

    T is fitted on the training part, each example measured against a mean of its class that leaves it out.

    >>> X, y = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> nearest_mean(X, y, np.array([[2.0], [7.0]]), 2).argmax(axis=1).tolist()
    [0, 1]
    """
    middle: Array = np.asarray(train_X, np.float64).mean(axis=0)
    seen, asked = train_X - middle, X - middle
    support = np.bincount(train_y, minlength=classes)
    means = np.stack([seen[train_y == k].mean(axis=0) if n else np.zeros(len(middle)) for k, n in enumerate(support)])
    scale = float((seen * seen).sum(axis=1).mean()) or 1.0
    near, own = _distances(seen, means) / scale, support[train_y]
    # Without example i the mean of its class moves away from it: by n / (n - 1), squared here.
    near[np.arange(len(own)), train_y] *= (own / np.maximum(own - 1, 1)) ** 2
    temperature = fit_temperature(-near[own > 1], train_y[own > 1]) if (own > 1).any() else 1.0
    scores = -_distances(asked, means) / scale / temperature
    scores[:, support == 0] = -1e9
    shares: Array = softmax(scores)
    return shares


def _distances(X: Array, means: Array) -> Array:
    squared: Array = (X * X).sum(1)[:, None] - 2 * X @ means.T + (means * means).sum(1)
    return np.maximum(squared, 0)


def answers(fitted: Fitted, features: NDArray[Any]) -> tuple[Array, Array]:
    """Outputs of a model for feature rows of its backbone, and those before calibration."""
    return fitted.head.outputs(features), fitted.head.with_temperature(1.0).outputs(features)


def probe_on(task: Task, backbone: Backbone, test: Domain, probe: Method | None = None) -> tuple[Array, Array]:
    """Outputs of a probe on another backbone's features, and those before calibration.

    With random weights in the backbone, this is the reference without transfer. Fitted on ``task.train`` with its own
    choice of C; the default probe where none is given.
    """
    fitted = (probe or LinearProbe()).fit(replace(task, backbone=backbone, val=None))
    return answers(fitted, task.embed(test, backbone).features)
