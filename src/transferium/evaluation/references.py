"""The references for any result: a constant, the nearest class mean, and a probe without transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation.known_entities import answer_known, known_phrases
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.functional.sequences.ragged import ragged
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.problems.problem import Problem
from transferium.problems.texts import signs

Labels = NDArray[np.int64]
Array = NDArray[np.float64]
CLOSE = 0.10
"""Below this lower limit of the difference (a share of an error) the reference is measured again at full side."""
CELLS = 2**22
"""Feature values that are centred in double precision at a time."""


def constant(problem: Problem, train_labels: NDArray[Any], n: int) -> Array:
    """The same outputs ``(n, width)`` for every example: class shares, rates of labels, or the mean amount of train.

    >>> from transferium.problems.classes import Classes
    >>> constant(Classes(("a", "b")), np.array([0, 0, 1]), 1).round(2).tolist()
    [[0.67, 0.33]]
    """
    return np.tile(problem.constant(train_labels), (n, 1))


def nearest_mean(train_X: NDArray[Any], train_y: Labels, classes: int) -> Callable[[NDArray[Any]], Array]:
    """The class whose mean of training features is nearest: features to ``softmax(-distance² / T)`` ``(n, classes)``.

    T is fitted on the training part, each example measured against a mean of its class that leaves it out.

    >>> X, y = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> nearest_mean(X, y, 2)(np.array([[2.0], [7.0]])).argmax(axis=1).tolist()
    [0, 1]
    """
    size = max(1, CELLS // max(1, train_X.shape[1]))
    blocks = [slice(i, i + size) for i in range(0, len(train_X), size)]
    middle: Array = sum(np.asarray(train_X[b], np.float64).sum(axis=0) for b in blocks) / len(train_X)
    support, sums = np.bincount(train_y, minlength=classes), np.zeros((classes, len(middle)))
    for b in blocks:
        seen, of = train_X[b] - middle, train_y[b]
        sums += np.stack([seen[of == k].sum(axis=0) for k in range(classes)])
    means = sums / np.maximum(support, 1)[:, None]
    scale = float(np.concatenate([np.square(train_X[b] - middle).sum(axis=1) for b in blocks]).mean()) or 1.0
    near = np.concatenate([_distances(train_X[b] - middle, means) for b in blocks]) / scale
    own = support[train_y]
    # Without example i the mean of its class moves away from it: by n / (n - 1), squared here.
    near[np.arange(len(own)), train_y] *= (own / np.maximum(own - 1, 1)) ** 2
    temperature = fit_temperature(-near[own > 1], train_y[own > 1]) if (own > 1).any() else 1.0

    def outputs(X: NDArray[Any]) -> Array:
        scores = -_distances(X - middle, means) / scale / temperature
        scores[:, support == 0] = -1e9
        shares: Array = softmax(scores)
        return shares

    return outputs


def _distances(X: Array, means: Array) -> Array:
    squared: Array = (X * X).sum(1)[:, None] - 2 * X @ means.T + (means * means).sum(1)
    return np.maximum(squared, 0)


def _by_nearest_mean(task: Task, test: Domain) -> Array:
    train = task.embed(task.train)
    means = nearest_mean(train.features, train.y, task.problem.width)
    del train
    return np.concatenate([means(seen.features) for seen in task.blocks(test)])


def _by_known_entities(task: Task, test: Domain) -> Array:
    there, asked = ([d.samples.raw(i).words for i in range(len(d))] for d in (task.train, test))
    return answer_known(asked, known_phrases(there, task.train.y), task.problem.width)


def _by_copying(_task: Task, test: Domain) -> Array:
    copied: Array = ragged(signs(str(test.samples.raw(i))).astype(np.float64) for i in range(len(test)))
    return copied


NAIVE: dict[str, tuple[str, Callable[[Task, Domain], Array]]] = {
    "classes": ("nearest_mean", _by_nearest_mean),
    "entities": ("known_entities", _by_known_entities),
    "translation": ("copied", _by_copying),
}
"""By kind of problem: the reference that hardly learns, by its name, and its outputs for a held-out part."""


def answers(fitted: Fitted, features: NDArray[Any]) -> tuple[Array, Array]:
    """Outputs of a model for feature rows of its backbone, and those before calibration."""
    outputs = fitted.head.outputs(features)
    return outputs, outputs if fitted.head.temperature == 1 else fitted.head.with_temperature(1.0).outputs(features)


def answers_on(task: Task, fitted: Fitted, domain: Domain, backbone: Backbone | None = None) -> tuple[Array, Array]:
    """``answers`` for the examples of ``domain``, as ``backbone`` (the model's own when None) sees them."""
    parts = [answers(fitted, seen.features) for seen in task.blocks(domain, backbone or fitted.backbone)]
    outputs, before = map(np.concatenate, zip(*parts, strict=True))
    return outputs, before


def probe_on(task: Task, backbone: Backbone, test: Domain, probe: Method | None = None) -> tuple[Array, Array]:
    """Outputs of a probe on another backbone's features, and those before calibration.

    With random weights in the backbone, this is the reference without transfer. Fitted on ``task.train`` with its own
    choice of C; the default probe where none is given.
    """
    apart = None if task.workdir is None else task.workdir / backbone.fingerprint[:12]
    fitted = (probe or LinearProbe()).fit(replace(task, backbone=backbone, val=None, workdir=apart))
    return answers_on(task, fitted, test)
