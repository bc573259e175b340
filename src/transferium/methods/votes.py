"""Several sources, each with a model of its own; a source that looks like the target has more of a vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.matrices import Array
from transferium.methods.base import Fitted, Method, Task
from transferium.methods.held_out import hold_out
from transferium.methods.streams import relatedness
from transferium.methods.targets import target_inputs
from transferium.models.any_head import AnyHead
from transferium.models.head import Head, linear
from transferium.models.layers import LayeredHead
from transferium.selection.selection import Selection


def vote_of_sources(method: Method, task: Task) -> Fitted:
    """``method`` fitted on each source by itself, and ``softmax(Σ_s w_s z_s / T_s)`` of their calibrated logits.

    ``w_s`` is how much source ``s`` looks like the target (:func:`relatedness`), and they add up to 1. Averaging logits
    is the geometric mean of the answers, and one head holds it, linear or with as many layers as each of them. Prefer
    ``weighted`` with few rows in each source, votes where classes look otherwise from source to source. Raises
    ``DataError`` where a source lacks a class: it could only vote against it.
    Mansour et al., Domain adaptation with multiple sources, NeurIPS 2008.
    """
    assert task.sources is not None
    origin = np.asarray(task.sources)
    _refuse_missing_classes(task, origin)
    rows, target = task.embed(task.train).features, target_inputs(method.name, task).features
    found = relatedness(origin, rows, target)
    weights = found / found.sum()
    parts = [np.flatnonzero(origin == s) for s in range(len(weights))]
    members = [method.fit(each) for each in _tasks(method, task, parts)]
    words = ", ".join(f"{i}: {w:.2f}" for i, w in enumerate(weights))
    at_home = [member.source_head for member in members if member.source_head is not None]
    return replace(
        members[0],
        head=pooled_logits([member.head for member in members], weights),
        source_head=pooled_logits(at_home, weights) if len(at_home) == len(members) else None,
        alignment=None,
        oof_probabilities=_out_of_fold(members, parts, len(task.train)),
        selection=Selection(
            "no comparison: a model of each source, whose vote counts by likeness to the target",
            "the target's inputs",
            [{f"vote of source {i}": round(float(w), 4) for i, w in enumerate(weights)}],
            {},
            (f"votes of the sources ({words})", *members[int(weights.argmax())].selection.notes),
        ),
    )


def _tasks(method: Method, task: Task, parts: Sequence[NDArray[np.intp]]) -> list[Task]:
    """The task on each source alone; a network holds out of each what it would of all, where validators ask."""
    from transferium.methods.network import HELD, AdaptedNetwork

    found = []
    kept = hold_out(task, HELD).kept if isinstance(method, AdaptedNetwork) else np.arange(len(task.train))
    for s, at in enumerate(parts):
        held = np.setdiff1d(at, kept)
        val = task.train.take(held) if len(held) else task.val
        folder = None if task.workdir is None else task.workdir / f"source {s}"
        found.append(replace(task.on(np.intersect1d(at, kept)), val=val, sources=None, workdir=folder))
    return found


def pooled_logits(heads: Sequence[AnyHead], weights: NDArray[np.float64]) -> Head:
    """The head of the weighted mean of calibrated logits; each has as many hidden layers, and they lie side by side.

    >>> pair = [Head(np.array([[1.0], [0.0]]), np.zeros(2), 1.0), Head(np.array([[8.0], [0.0]]), np.zeros(2), 2.0)]
    >>> pooled_logits(pair, np.array([0.5, 0.5])).weight.ravel().tolist()
    [2.5, 0.0]
    """
    from scipy.linalg import block_diag

    plain = [linear(head) for head in heads]
    bias = np.sum([w * h.bias / h.temperature for w, h in zip(weights, plain, strict=True)], axis=0)
    scaled = [w * h.weight / h.temperature for w, h in zip(weights, plain, strict=True)]
    layered = [head for head in plain if isinstance(head, LayeredHead)]
    if not layered:
        return Head(np.sum(scaled, axis=0), bias, 1.0)
    hidden = []
    for k, layers in enumerate(zip(*(head.hidden for head in layered), strict=True)):
        inner = [w for w, _ in layers]
        hidden.append((block_diag(*inner) if k else np.concatenate(inner), np.concatenate([b for _, b in layers])))
    return LayeredHead(np.concatenate(scaled, axis=1), bias, 1.0, tuple(hidden))


def _out_of_fold(members: Sequence[Fitted], parts: Sequence[NDArray[np.intp]], rows: int) -> Array | None:
    """Each source row's answer by the model of its own source that never saw it."""
    known = [member.oof_probabilities for member in members]
    whole: Array | None = None
    for at, answers in zip(parts, known, strict=True):
        if answers is None:
            return None
        whole = np.empty((rows, answers.shape[1])) if whole is None else whole
        whole[at] = answers
    return whole


def _refuse_missing_classes(task: Task, origin: NDArray[np.int64]) -> None:
    told = np.arange(0) if task.target is None else task.target.y
    for s in range(int(origin.max()) + 1):
        missing = np.setdiff1d(np.arange(task.classes), [*task.train.y[origin == s], *told])
        if len(missing):
            raise DataError(
                f"source {s} has no example of {task.train.classes[missing[0]]!r}, and its model could only vote "
                "against it: use sources=weighted or combined."
            )
