"""Folds of the training part. No example is scored by a model that was trained without its class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.split import folds as split_folds
from transferium.data.split import usable_folds
from transferium.methods.task import Task


def held_out_folds(y: NDArray[np.int64], k: int, task: Task, *, must_know: bool = True) -> NDArray[np.int64]:
    """The fold of each example, spread evenly by ``y``: classes, or the strata of another problem.

    With ``must_know`` it is -1 where all of a class is in one fold: the model of that fold never saw the class.
    """
    if len(y) < 2 or (task.groups is not None and len(np.unique(task.groups)) < 2):
        return np.zeros(len(y), np.int64)
    fold = split_folds(y, k=k, seed=task.seed, groups=task.groups)
    for label in range(int(y.max()) + 1) if must_know else ():
        if len(np.unique(fold[y == label])) == 1:
            fold[y == label] = -1
    held = fold >= 0
    if len(np.unique(fold[held])) < 2:
        return np.zeros(len(y), np.int64)
    fold[held] = np.unique(fold[held], return_inverse=True)[1]
    return fold


def notes_on_folds(task: Task, fold: NDArray[np.int64], asked: int) -> list[str]:
    """Why there are fewer folds than ``asked``, and how many examples no fold holds out; nothing where all is well."""
    notes = []
    if 0 < fold.max() < asked - 1:
        notes.append(usable_folds(task.train.posed.strata(task.train.y), k=asked, groups=task.groups)[1])
    if few := int((fold < 0).sum()):
        notes.append(f"{few} examples of classes too small to hold out took part in every fold")
    return [note for note in notes if note]
