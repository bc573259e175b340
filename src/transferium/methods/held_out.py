"""The examples that say when to stop: a part of the training data, or the val part where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.methods.base import Task


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is trained on, what is looked at, and one phrase that says which is which."""

    train: Domain
    held: Domain
    kept: np.ndarray
    data: str


def hold_out(task: Task, share: float) -> HeldOut:
    """``task.val`` where the data came with one; else a stratified ``share`` of train, groups undivided.

    ``kept`` are the positions in ``task.train`` that are trained on. The same task gives the same division.
    """
    from transferium.data.split import folds

    n = len(task.train)
    if task.val is not None:
        return HeldOut(task.train, task.val, np.arange(n), f"the val part ({len(task.val)} examples)")
    fold = folds(task.train.y, k=max(2, round(1 / share)), seed=task.seed, groups=task.groups)
    held, kept = np.flatnonzero(fold == 0), np.flatnonzero(fold != 0)
    if len(held) == 0 or len(kept) == 0:
        raise DataError(
            f"{n} training examples cannot be divided into one part to train on and one to stop by: "
            "add examples, or a val part."
        )
    words = f"a held-out part of train ({len(held)} of {n} examples, stratified)"
    return HeldOut(task.train.take(kept), task.train.take(held), kept, words)
