"""The held-out examples that choose the epoch: a part of the training data, or the val part where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.stratified_split import stratified_split
from transferium.errors import DataError
from transferium.methods.task import Task
from transferium.problems.classes import Classes

MOST = 3
"""The most classes that one phrase names."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The examples that are trained on, those that are held out, and one phrase that describes both.

    ``weights`` say how much each held-out example counts; None: all alike.
    """

    train: Domain
    held: Domain
    kept: np.ndarray
    data: str
    weights: NDArray[np.float64] | None = None


def hold_out(task: Task, share: float) -> HeldOut:
    """``task.val`` where the data came with one; else a stratified ``share`` of train, groups undivided.

    ``kept`` are the positions in ``task.train`` that are trained on. The same task gives the same division.
    """
    n = len(task.train)
    if task.val is not None:
        words = f"the val part ({len(task.val)} examples{_without(task.train, task.val)})"
        return HeldOut(task.train, task.val, np.arange(n), words)
    bins = stratified_split(task.problem.strata(task.train.y), task.groups, np.array([1 - share, share]), task.seed)
    kept, held = np.flatnonzero(bins == 0), np.flatnonzero(bins == 1)
    if not len(held) or not len(kept):
        raise DataError(
            f"{n} training examples cannot be divided into one part to train on and one to stop by: "
            "add examples, or a val part."
        )
    train, looked_at = task.train.take(kept), task.train.take(held)
    words = f"a held-out part of train ({len(held)} of {n} examples, stratified{_without(train, looked_at)})"
    return HeldOut(train, looked_at, kept, words)


def _without(train: Domain, held: Domain) -> str:
    """Which classes are trained on and too small to be in the held-out part as well, as the end of a phrase."""
    if not isinstance(train.problem, Classes):
        return ""
    absent = [train.classes[k] for k in np.setdiff1d(train.y, held.y)]
    more = f" and {len(absent) - MOST} classes more" if len(absent) > MOST else ""
    return f"; none of {', '.join(map(repr, absent[:MOST]))}{more}" if absent else ""


HELD = 0.2
"""Share of the source that no adapted network is trained on: it gives the temperature and is what validators see."""
