"""What any result must be read beside: no learning, hardly any learning, and a probe without transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation.evaluate import Evaluation, evaluate
from transferium.functional.calibration import fit_temperature
from transferium.functional.classifier import softmax
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Reference:
    """A reference's evaluation and its answers, for paired comparison with others on the same examples."""

    evaluation: Evaluation
    predicted: NDArray[np.intp]


def majority(
    train_y: Labels, y: Labels, classes: Sequence[str], *, seed: int, groups: NDArray[Any] | None = None
) -> Evaluation:
    """Always the most frequent class of the training part, with the training part's class shares as probabilities.

    >>> majority(np.array([0, 0, 1]), np.array([0, 1]), ["a", "b"], seed=0).accuracy.value
    0.5
    """
    shares = np.bincount(train_y, minlength=len(classes)) / len(train_y)
    return evaluate(y, np.tile(shares, (len(y), 1)), classes, seed=seed, groups=groups)


def nearest_mean(
    train_X: NDArray[Any],
    train_y: Labels,
    X: NDArray[Any],
    y: Labels,
    classes: Sequence[str],
    *,
    seed: int,
    groups: NDArray[Any] | None = None,
) -> Evaluation:
    """The class whose mean of training features is nearest; ``softmax(-distance² / T)`` as probabilities.

    T is fitted on the training part, each example measured against a mean of its class that leaves it out.

    >>> X, y = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> nearest_mean(X, y, np.array([[2.0], [7.0]]), np.array([0, 1]), ["a", "b"], seed=0).accuracy.value
    1.0
    """
    middle: NDArray[np.float64] = np.asarray(train_X, np.float64).mean(axis=0)
    seen, asked = train_X - middle, X - middle
    support = np.bincount(train_y, minlength=len(classes))
    means = np.stack([seen[train_y == k].mean(axis=0) if n else np.zeros(len(middle)) for k, n in enumerate(support)])
    scale = float((seen * seen).sum(axis=1).mean()) or 1.0
    near, own = _distances(seen, means) / scale, support[train_y]
    # Without example i the mean of its class moves away from it: by n / (n - 1), squared here.
    near[np.arange(len(own)), train_y] *= (own / np.maximum(own - 1, 1)) ** 2
    temperature = fit_temperature(-near[own > 1], train_y[own > 1]) if (own > 1).any() else 1.0
    scores = -_distances(asked, means) / scale / temperature
    scores[:, support == 0] = -1e9
    return evaluate(y, softmax(scores), classes, seed=seed, groups=groups)


def _distances(X: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = (X * X).sum(1)[:, None] - 2 * X @ means.T + (means * means).sum(1)
    return np.maximum(squared, 0)


def probe_on(task: Task, backbone: Backbone, test: Domain, probe: Method | None = None) -> Reference:
    """A probe on another backbone's features: with random weights, what transfer itself is worth.

    Fitted on ``task.train`` with its own choice of C, evaluated on ``test``; the default probe where none is given.
    """
    fitted = (probe or LinearProbe()).fit(replace(task, backbone=backbone, val=None))
    features = task.embed(test, backbone).features
    probabilities = fitted.head.probabilities(features)
    before = fitted.head.with_temperature(1.0).probabilities(features)
    result = evaluate(test.y, probabilities, test.classes, seed=task.seed, before=before, groups=test.groups)
    return Reference(result, probabilities.argmax(axis=1))
