"""Sources that contradict each other: the class names of one mean nothing on another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import Finding
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.adapted import Answers
from transferium.evaluation.source_harm import source_harm
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task

MOST = 500
"""Rows of a source, and of all others together, that are looked at."""


def contradictions(names: tuple[str, ...], origin: NDArray[np.int64] | None, task: Task) -> list[Finding]:
    """A finding for each source that a model of all others answers no better than under other names (``source_harm``).

    ``origin[i]`` is the place in ``names`` of the source that example ``i`` of ``task.train`` came from; None where
    there is one source. Of two sources the second is named.
    """
    if origin is None:
        return []
    rng = np.random.default_rng(task.seed)
    found = []
    for k in range(len(names) - 1, -1 if len(names) > 2 else 0, -1):
        own, rest = (
            task.embed(task.train.take(np.sort(rng.permutation(np.flatnonzero(at))[:MOST])))
            for at in (origin == k, origin != k)
        )
        try:
            model, alone = (_probe(rows, task) for rows in (rest, own))
        except DataError:  # one class, or none
            continue
        held = alone.oof_outputs
        if held is None:
            continue
        known = ~np.isnan(held).any(axis=1)
        answers = Answers(own.y[known], own.classes)
        if source_harm(answers, model.head.outputs(own.features[known]), held[known], seed=task.seed).sentence:
            message = (
                f"source {k + 1} ({names[k]!r}) contradicts the {'other' if len(names) == 2 else 'others'}: what is "
                "learned there answers its examples no better than if classes had other names, though its own labels "
                "can be learned. Look whether class names mean the same"
            )
            found.append(Finding("contradicting-sources", "warning", message))
    return found[::-1]


def _probe(rows: Domain, task: Task) -> Fitted:
    of_rows = Task(rows, None, task.backbone, Embedder(None), task.seed, groups=rows.groups)
    return LinearProbe(Cs=(1.0,)).solve(of_rows, rows)
