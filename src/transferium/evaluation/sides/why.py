"""Which part of an example speaks for its answer: found by leaving parts out, on the frozen graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.modality import by_kind
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.occlusion.occlusion import OCCLUSIONS, Occlusion, Parts
from transferium.evaluation.occlusion.permuted_columns import PERMUTED, names_of
from transferium.evaluation.sides.looked import Array, Looked, Seen
from transferium.functional.bootstrap import mean_interval
from transferium.functional.matrices import unit_rows
from transferium.functional.nearest import nearest
from transferium.problems.classes import Classes
from transferium.problems.regression import Regression

EXAMPLES, EXAMPLES_QUICK = 3, 1
"""How many of the surest mistakes, and how many right answers, are looked into."""
ROWS, COLUMNS, TIMES = 500, 64, 5
"""The most rows and columns of a table that are permuted, and how often each column is."""
NEAREST = 3


def why(looked: Looked) -> dict[str, Any]:
    """Of tables, what each column is worth; of other kinds, what each part of a few examples adds to their answer.

    ``columns``: by how much the mean error (0 or 1 of classes, the absolute one of amounts) rises when the cells of one
    column are permuted, the mean of five orders, with an interval over examples (Breiman, 2001). ``examples``: the
    surest mistakes (of amounts: the farthest), then right answers drawn by the seed; ``adds`` is by how much the
    probability of the answered class, or the amount, falls without a part (Zeiler and Fergus, 2014), ``nearest`` what
    is most like it of what was learned from. Parts that only count together show nothing alone. Raises ``DataError``
    for problems of other kinds than classes and amounts.
    """
    if not isinstance(looked.problem, (Classes, Regression)):
        raise DataError(f"parts are weighed for classes and amounts, not for {looked.problem.said()}")
    if looked.held.domain.kind in PERMUTED:
        return _by_column(looked)
    return _by_part(looked, by_kind(OCCLUSIONS, looked.held.domain.kind, "way to leave parts out"))


def _by_column(looked: Looked) -> dict[str, Any]:
    permute, rng = PERMUTED[looked.held.domain.kind], np.random.default_rng(looked.seed)
    some = looked.held.take(np.sort(rng.permutation(len(looked.held))[:ROWS]))
    domain, names = some.domain, names_of(some.domain)
    if len(domain) < 2:
        raise DataError("there is one example, whose cells cannot be permuted")
    orders = [rng.permutation(len(domain)) for _ in range(1 if looked.quick else TIMES)]
    before, rows = _losses(looked, domain.y, some.outputs), list[dict[str, Any]]()
    for name in names[:COLUMNS]:
        after = [_losses(looked, domain.y, _answers(looked, permute(domain, name, order))) for order in orders]
        gain = mean_interval(np.mean(after, axis=0) - before, seed=looked.seed, groups=domain.groups)
        rows.append({"column": name, "adds": gain.as_dict()})
    rows.sort(key=lambda row: -row["adds"]["value"])
    error = "error" if isinstance(looked.problem, Classes) else "absolute error"
    counts = {"rows": len(domain), "of": len(looked.held), "times": len(orders), "of_columns": len(names)}
    return {"method": f"each column permuted; the {error} rises by", "columns": rows} | counts


def _losses(looked: Looked, y: Array, outputs: Array) -> NDArray[np.float64]:
    of_classes = isinstance(looked.problem, Classes)
    losses: Array = outputs.argmax(axis=1) != y if of_classes else np.abs(outputs[:, 0] - y)
    return losses.astype(np.float64)


def _answers(looked: Looked, domain: Domain) -> Array:
    """The outputs for examples that were changed: nothing is stored."""
    embedder = Embedder(None, engine=looked.embedder.engine, workers=looked.embedder.workers, stays_open=True)
    return looked.model.outputs(embedder(domain, looked.model.backbone)[0])


def _by_part(looked: Looked, way: Occlusion) -> dict[str, Any]:
    held, chosen = looked.held, _chosen(looked)
    ready = way.ready(held.domain.take(chosen), looked.model.backbone)
    parts = [way.apart(ready.samples.raw(i)) for i in range(len(ready))]
    without = [one for example in parts for one in example.without]
    everything = [ready.samples.raw(i) for i in range(len(ready))] + without
    keys = tuple(f"{i:064x}" for i in range(len(everything)))
    outputs = _answers(looked, Domain(Items(everything), held.domain.kind, keys, keys=keys))
    first, rows, near = len(parts), [], _nearest(looked, held.take(chosen))
    for i, (at, example) in enumerate(zip(chosen, parts, strict=True)):
        after = outputs[first : first + len(example.without)]
        first += len(example.without)
        rows.append(_told(looked, held.take(np.array([at])), outputs[i], after, example) | {"nearest": near[i]})
    return {"method": way.said, "examples": rows, "of": len(held)}


def _chosen(looked: Looked) -> NDArray[np.intp]:
    """The surest mistakes, or the farthest amounts, the worst first; then answers that are right, or near."""
    held, many = looked.held, EXAMPLES_QUICK if looked.quick else EXAMPLES
    losses = _losses(looked, held.domain.y, held.outputs)
    if isinstance(looked.problem, Classes):
        wrong = losses > 0
        order = np.argsort(np.where(wrong, -held.outputs.max(axis=1), 0), kind="stable")[: min(many, int(wrong.sum()))]
    else:
        wrong = losses > np.median(losses)
        order = np.argsort(-losses, kind="stable")[: min(many, int(wrong.sum()))]
    right = np.random.default_rng(looked.seed).permutation(np.flatnonzero(~wrong))[:many]
    return np.concatenate([order, right])


def _told(looked: Looked, seen: Seen, whole: Array, after: Array, parts: Parts) -> dict[str, Any]:
    """One example: its label, its answer, and what each part adds to that."""
    problem, y = looked.problem, seen.domain.y[0]
    k = int(whole.argmax())
    adds = whole[k] - after[:, k]
    told: dict[str, Any] = {"id": seen.domain.ids[0]}
    if isinstance(problem, Classes):
        told |= {"label": problem.names[y], "answer": problem.names[k], "confidence": float(whole[k])}
    else:
        told |= {"label": float(y), "answer": float(whole[0])}
    return told | {"parts": parts.names, "shape": list(parts.shape), "adds": [float(a) for a in adds]}


def _nearest(looked: Looked, seen: Seen) -> list[list[dict[str, Any]]]:
    """For each example those of what was learned from whose features are most like it; none where that is not given."""
    train = looked.train
    if train is None:
        return [[] for _ in range(len(seen))]
    rows, known = unit_rows(seen.features), unit_rows(train.features)
    best = nearest(rows, known.astype(np.float32), (known * known).sum(axis=1), min(NEAREST, len(known)))
    of_classes = isinstance(looked.problem, Classes)
    labels = [looked.problem.names[y] if of_classes else float(y) for y in train.domain.y]
    return [
        [{"id": train.domain.ids[i], "label": labels[i], "similarity": float(row @ known[i])} for i in at]
        for row, at in zip(rows, best.tolist(), strict=True)
    ]
