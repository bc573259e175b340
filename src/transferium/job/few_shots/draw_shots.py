"""A few examples of each class, drawn from the training part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.stratified_split import independent
from transferium.errors import DataError, InputError, option
from transferium.problems.classes import Classes


def draw_shots(train: Domain, shots: int, *, seed: int, draw: int) -> NDArray[np.intp]:
    """Positions of ``shots`` examples of each class; of a group (copies, a patient) one at most.

    Raises ``InputError`` where labels are no classes, ``DataError`` where a class has fewer.
    """
    if not isinstance(train.problem, Classes):
        raise InputError(f"{option('shots')} counts examples of a class, and these labels are {train.posed.said()}.")
    n, units = len(train), np.arange(len(train)) if train.groups is None else train.groups
    there = independent(train.y, train.groups, len(train.classes))
    if short := [k for k in range(len(there)) if there[k] < shots]:
        least = min(short, key=lambda k: int(there[k]))
        more = "" if len(short) == 1 else f" ({len(short)} classes have fewer than {shots})"
        one = "" if train.groups is None else " that are no copies of one another"
        raise DataError(
            f"class {train.classes[least]!r} has {there[least]} training examples{one}, and {shots} of each class were "
            f"asked for{more}: give {option('shots', str(max(1, int(there[least]))))} or fewer, or more examples."
        )
    order = np.random.default_rng([seed, draw]).permutation(n)
    order = order[np.sort(np.unique(units[order], return_index=True)[1])]
    return np.concatenate([order[train.y[order] == k][:shots] for k in range(len(train.classes))])
