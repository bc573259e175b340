"""Several sources, each with a model of its own. A source that is more like the target has more weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, InputError
from transferium.functional.linear_classifier import fit_linear
from transferium.functional.matrices import Array
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel, source_reader
from transferium.methods.holdout import hold_out
from transferium.methods.method import Method
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head, linear
from transferium.selection.selection import Selection
from transferium.system.display import Display, Progress

LARGEST = 2**31
"""The most bytes that an ONNX graph may hold."""


def vote_of_sources(method: Method, task: AdaptationTask) -> AdaptedModel:
    """``method`` fitted on each source by itself, and ``softmax(Σ_s w_s z_s / T_s)`` of their calibrated logits.

    ``w_s`` is how much source ``s`` looks like the target in the features that were given (:func:`relatedness`), and
    they add up to 1. Averaging logits is the geometric mean of the answers, and one head holds it, linear or with as
    many layers as each of them. Where the backbone moves, each source has one of its own: they lie side by side in one
    (:func:`side_by_side`), and each model's layers read its own columns. They are trained one after the other, each
    with its checkpoints in a folder of its own.
    Prefer ``weighted`` with few rows in each source or where ``k`` networks are too slow, votes where classes look
    different from source to source. Raises ``DataError`` where a source lacks a class: it could only vote against
    it; ``InputError`` where the backbones together are more than one graph can hold.
    Mansour et al., Domain adaptation with multiple sources, NeurIPS 2008.
    """
    assert task.sources is not None
    origin = np.asarray(task.sources)
    _refuse_missing_classes(task, origin)
    _refuse_large(method, task.backbone, int(origin.max()) + 1)
    rows, target = task.embed(task.train).features, task.target_features().features
    found = relatedness(origin, rows, target)
    weights = found / found.sum()
    parts = [np.flatnonzero(origin == s) for s in range(len(weights))]
    members = [AdaptedModel.of(method.adapt(each)) for each in _tasks(method, task, parts)]
    return replace(_together(members, weights), oof_outputs=_out_of_fold(members, parts, len(task.train)))


def _together(members: Sequence[AdaptedModel], weights: NDArray[np.float64]) -> AdaptedModel:
    """One model that predicts as all of them together, for source and target, with the history of each."""
    backbone, head = _as_one([(member.backbone, member.head) for member in members], weights)
    home = None
    if any(member.source_head is not None for member in members):
        home = _as_one([source_reader(member) for member in members], weights)
    return replace(
        members[0],
        backbone=backbone,
        head=head,
        source_backbone=None if home is None else home[0],
        source_head=None if home is None else home[1],
        alignment=None,
        history=[_of_source(s, row) for s, member in enumerate(members) for row in member.history],
        seconds={what: sum(m.seconds.get(what, 0.0) for m in members) for what in members[0].seconds},
        selection=_selection(members, weights, backbone),
    )


def _selection(members: Sequence[AdaptedModel], weights: NDArray[np.float64], backbone: Backbone) -> Selection:
    words = ", ".join(f"{i}: {w:.2f}" for i, w in enumerate(weights))
    notes = [f"votes of the sources ({words})"]
    if backbone is not members[0].backbone:
        notes.append(f"{backbone.members} backbones lie side by side: to answer takes as long as all of them take")
    return Selection(
        "no comparison: a model of each source, whose vote counts by likeness to the target",
        "the target's inputs",
        [{f"vote of source {i}": round(float(w), 4) for i, w in enumerate(weights)}],
        {},
        (*notes, *members[int(weights.argmax())].selection.notes),
    )


def _of_source(s: int, row: dict[str, Any]) -> dict[str, Any]:
    """A record of training, its stage called after the source."""
    return row | {"stage": f"source {s}: {row['stage']}"} if "stage" in row else row


def _as_one(readers: Sequence[tuple[Backbone, AnyHead]], weights: NDArray[np.float64]) -> tuple[Backbone, Head]:
    """One backbone and one head that combine all of them; equal backbones are included once."""
    places: dict[str, slice] = {}
    distinct: list[Backbone] = []
    for backbone, head in readers:
        if backbone.fingerprint not in places:
            begin = sum(place.stop - place.start for place in places.values())
            places[backbone.fingerprint] = slice(begin, begin + linear(head).width)
            distinct.append(backbone)
    head = pooled_logits([head for _, head in readers], weights, [places[b.fingerprint] for b, _ in readers])
    if len(distinct) == 1:
        return distinct[0], head
    from transferium.models.surgery.side_by_side import side_by_side

    return side_by_side(distinct), head


def _tasks(method: Method, task: AdaptationTask, parts: Sequence[NDArray[np.intp]]) -> list[AdaptationTask]:
    """The task on each source alone. Each source keeps out the rows that would be held out of all sources together."""
    found = []
    kept = hold_out(task, method.holds_out).kept if method.holds_out else np.arange(len(task.train))
    for s, at in enumerate(parts):
        held = np.setdiff1d(at, kept)
        one = replace(
            task.on(np.intersect1d(at, kept)),
            val=task.train.take(held) if len(held) else task.val,
            sources=None,
            workdir=None if task.workdir is None else task.workdir / f"source {s}",
            progress=_told_of(s, task.progress),
            track=task.track,
        )
        found.append(one)
    return found


def _told_of(s: int, progress: Progress | None) -> Progress | None:
    """``progress`` with the number of the source in its text."""
    if progress is None:
        return None
    if isinstance(progress, Display):
        return progress.within(f"source {s}")
    tell = progress
    return lambda what, done, total: tell(f"source {s}: {what}", done, total)


def pooled_logits(heads: Sequence[AnyHead], weights: NDArray[np.float64], columns: Sequence[slice]) -> Head:
    """The head of the weighted mean of calibrated logits; each has as many hidden layers, and they lie side by side.

    ``columns[i]`` are the features that head ``i`` reads: all of them where all heads read the same.

    >>> pair = [Head(np.array([[1.0], [0.0]]), np.zeros(2), 1.0), Head(np.array([[8.0], [0.0]]), np.zeros(2), 2.0)]
    >>> pooled_logits(pair, np.array([0.5, 0.5]), [slice(0, 1), slice(0, 1)]).weight.tolist()
    [[2.5], [0.0]]
    >>> pooled_logits(pair, np.array([0.5, 0.5]), [slice(0, 1), slice(1, 2)]).weight.tolist()
    [[0.5, 2.0], [0.0, 0.0]]
    """
    from scipy.linalg import block_diag

    plain = [linear(head) for head in heads]
    bias = np.sum([w * h.bias / h.temperature for w, h in zip(weights, plain, strict=True)], axis=0)
    scaled = [w * h.weight / h.temperature for w, h in zip(weights, plain, strict=True)]
    layered = [head for head in plain if isinstance(head, LayeredHead)]
    if not layered:
        return Head(np.sum(_widened(scaled, columns), axis=0), bias, 1.0)
    hidden = []
    for k, layers in enumerate(zip(*(head.hidden for head in layered), strict=True)):
        inner = [w for w, _ in layers]
        whole = block_diag(*inner) if k else np.concatenate(_widened(inner, columns))
        hidden.append((whole, np.concatenate([b for _, b in layers])))
    return LayeredHead(np.concatenate(scaled, axis=1), bias, 1.0, tuple(hidden))


def _widened(matrices: Sequence[NDArray[np.float64]], columns: Sequence[slice]) -> list[NDArray[np.float64]]:
    """Each matrix over all features: 0 outside its own columns."""
    wide = [np.zeros((len(matrix), max(at.stop for at in columns))) for matrix in matrices]
    for whole, matrix, at in zip(wide, matrices, columns, strict=True):
        whole[:, at] = matrix
    return wide


def _out_of_fold(members: Sequence[AdaptedModel], parts: Sequence[NDArray[np.intp]], rows: int) -> Array | None:
    """Each source row's out-of-fold prediction, by a model of its own source."""
    known = [member.oof_outputs for member in members]
    whole: Array | None = None
    for at, answers in zip(parts, known, strict=True):
        if answers is None:
            return None
        whole = np.empty((rows, answers.shape[1])) if whole is None else whole
        whole[at] = answers
    return whole


def _refuse_missing_classes(task: AdaptationTask, origin: NDArray[np.int64]) -> None:
    told = np.arange(0) if task.target is None else task.target.y
    for s in range(int(origin.max()) + 1):
        missing = np.setdiff1d(np.arange(task.classes), [*task.train.y[origin == s], *told])
        if len(missing):
            raise DataError(
                f"source {s} has no example of {task.train.classes[missing[0]]!r}, and its model could only vote "
                "against it: use sources=weighted or combined."
            )


def _refuse_large(method: Method, backbone: Backbone, count: int) -> None:
    size = count * backbone.size_bytes
    if method.moves_backbone and size >= LARGEST:
        raise InputError(
            f"sources=votes with a backbone that moves is one for each of {count} sources, and {count} of "
            f"{backbone.name} are {size / 1e9:.1f} GB, where a saved graph holds {LARGEST / 1e9:.1f}: use "
            "sources=weighted or combined, tuning=frozen, or a smaller backbone."
        )


PENALTY = 1.0


def relatedness(sources: NDArray[np.int64], rows: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """How much each source looks like the target, ``(sources,)``, averaging 1 over the source rows.

    A logistic classifier learns to name the source of a row; its mean answer on the target, divided by each source's
    share of the rows, is the share of the target that looks like that source (distribution-weighted combination;
    Mansour et al., Domain adaptation with multiple sources, NeurIPS 2008).

    >>> rows = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> near, far = relatedness(np.array([0, 0, 1, 1]), rows, np.array([[0.0], [0.2]]))
    >>> bool(near > 1.5 > 0.5 > far)
    True
    """
    scale = float(np.sqrt(((rows - rows.mean(axis=0)) ** 2).mean())) or 1.0
    count = int(sources.max()) + 1
    shares = np.bincount(sources, minlength=count) / len(sources)
    looks = fit_linear(rows / scale, sources, classes=count, penalty=PENALTY)(target / scale).mean(axis=0)
    found: NDArray[np.float64] = np.divide(looks, shares, out=np.zeros(count), where=shares > 0)
    return found


def row_weights(
    sources: NDArray[np.int64], rows: NDArray[Any], target: NDArray[Any], times: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], str]:
    """One weight for each source row, that of its source ``times`` its own, mean 1; and a sentence that lists them."""
    found = relatedness(sources, rows, target)
    weights = found[sources] * (1.0 if times is None else times)
    words = ", ".join(f"{i}: {w:.2f}" for i, w in enumerate(found))
    return weights / weights.mean(), f"sources are weighted by likeness to the target ({words})"
