"""The nearest class mean in place of the probe, where it does as well on folds of the training part."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.methods.fitted import Fitted
from transferium.methods.frozen.nearest_class_mean import NearestClassMean
from transferium.methods.task import Task
from transferium.problems.classes import Classes
from transferium.selection.selection import Selection

RULE = "the nearest class mean where it is as accurate as the probe and has no larger log-loss, else the probe"


def cheaper_or(probe: Fitted, task: Task) -> Fitted:
    """The nearest class mean, where it is at least as accurate and has no larger log-loss out of fold; else ``probe``.

    Both are asked about the same training examples, each by models that did not learn from it. The probe is kept in
    ``beside``.
    """
    if probe.oof_outputs is None or not isinstance(task.problem, Classes):
        return probe
    began = time.perf_counter()
    means = NearestClassMean().fit(task)
    spent = time.perf_counter() - began
    if means.oof_outputs is None:
        return probe
    known = ~np.isnan(probe.oof_outputs).any(axis=1) & ~np.isnan(means.oof_outputs).any(axis=1)
    labels = task.train.y[known]
    ours, theirs = means.oof_outputs[known], probe.oof_outputs[known]
    if _accuracy(ours, labels) < _accuracy(theirs, labels) or _log_loss(ours, labels) > _log_loss(theirs, labels):
        return probe
    rows = [
        scores("probe", theirs, labels, sum(probe.seconds.values())) | {"kept": "first"},
        scores("ncm", ours, labels, spent) | {"kept": "as good as the probe, and simpler"},
    ]
    notes = (*means.selection.notes, f"probe: {probe.selection}")
    chosen = Selection(RULE, means.selection.data, rows, {"method": means.method}, notes)
    return replace(means, selection=chosen, beside={"probe": probe})


def scores(method: str, outputs: NDArray[np.float64], labels: NDArray[np.int64], seconds: float) -> dict[str, Any]:
    """What a method's out-of-fold ``outputs (n, classes)`` are worth, as a row of a selection."""
    return {
        "method": method,
        "accuracy": round(_accuracy(outputs, labels), 4),
        "log_loss": round(_log_loss(outputs, labels), 4),
        "examples": len(labels),
        "seconds": round(seconds, 1),
    }


def _accuracy(outputs: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float((outputs.argmax(axis=1) == labels).mean())


def _log_loss(outputs: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(outputs[np.arange(len(labels)), labels], 1e-12)).mean())
