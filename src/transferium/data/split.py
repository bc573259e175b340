"""The division of a domain into train, val and test: for training, for choosing, and for evaluation only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import PARTS, Domain
from transferium.data.stratified_split import independent, stratified_split
from transferium.errors import DataError, InputError

_Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Division:
    """Positions of the three parts (``val`` may be empty), and the sentence that says how they came about.

    ``held`` is what the held-out part is called where the data came divided: ``val`` where there is no test part.
    ``given`` is False where it was split off here.
    """

    train: _Indices
    val: _Indices
    test: _Indices
    rule: str
    held: str = "test"
    given: bool = True


def divide(
    domain: Domain,
    *,
    seed: int,
    groups: NDArray[np.int64] | None = None,
    test_size: float = 0.25,
    learns: bool = True,
) -> Division:
    """The parts as they were given; without a given test part, one is split off.

    A ``test`` part is only ever evaluated on. With ``train`` and ``val`` alone ``val`` is the held-out part; with all
    three, ``val`` may stop or choose. Without either, ``test_size`` of the examples become the test part: stratified
    by class, groups kept together, decided by ``seed``. Raises ``DataError`` without a train part. Where nothing
    ``learns``, none is split off: all examples are evaluated on.
    """
    if not 0 < test_size < 1:
        raise InputError(f"test_size={test_size} is no share: give a number between 0 and 1")
    given = {part: np.flatnonzero(domain.parts == part) for part in PARTS} if domain.parts is not None else {}
    present = [part for part in PARTS if len(given.get(part, ()))]
    if not learns and present in ([], ["train"]):
        none, rule = np.empty(0, np.intp), f"nothing is learned, so that all {len(domain)} examples are evaluated on"
        return Division(none, none, np.arange(len(domain)), rule, given=False)
    if not present or present == ["train"]:
        return _split_off(domain, seed, domain.groups if groups is None else groups, test_size)
    if "train" not in present:
        raise DataError(
            f"{domain.name!r} has the parts {' and '.join(present)} but no train part: nothing to learn from"
        )
    if "test" not in present:
        rule = "the val part is held out and only evaluated on; every choice is made inside train"
        return Division(given["train"], given["test"], given["val"], rule, "val")
    if "val" not in present:
        rule = "the test part is only evaluated on; every choice is made inside train"
    else:
        rule = "the test part is only evaluated on; the val part may stop or choose"
    return Division(given["train"], given["val"], given["test"], rule)


def _split_off(domain: Domain, seed: int, groups: NDArray[np.int64] | None, test_size: float) -> Division:
    strata = domain.posed.strata(domain.y)
    bins = stratified_split(strata, groups, np.array([1 - test_size, test_size]), seed)
    units = np.arange(len(domain)) if groups is None else groups
    only_held = np.setdiff1d(strata[bins == 1], strata[bins == 0])  # a class that cannot be on both sides is learned
    bins[np.isin(units, units[np.isin(strata, only_held)])] = 0
    train, test = np.flatnonzero(bins == 0), np.flatnonzero(bins == 1)
    if not len(train) or not len(test):
        raise DataError(
            f"{domain.name!r} has {len(domain)} examples, too few independent ones to hold any out: "
            "give more, or a test part"
        )
    tied = groups is not None and len(np.unique(groups)) < len(groups)
    rule = (
        f"no parts were given: {len(test)} of {len(domain)} examples were split off as the test part before anything "
        f"was chosen, stratified by {domain.posed.stratum}{', groups kept together' if tied else ''}, seed {seed}"
    )
    return Division(train, np.empty(0, np.intp), test, rule, given=False)


def folds(
    labels: NDArray[np.int64], *, k: int, seed: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The fold (from 0) of each example: stratified by class, groups kept together, as many as ``usable_folds`` says.

    >>> sorted(folds(np.array([0, 0, 0, 1, 1, 1]), k=3, seed=0).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    count, _ = usable_folds(labels, k=k, groups=groups)
    return stratified_split(np.unique(labels, return_inverse=True)[1], groups, np.full(count, 1 / count), seed)


def usable_folds(labels: NDArray[np.int64], *, k: int, groups: NDArray[np.int64] | None = None) -> tuple[int, str]:
    """The largest number of folds, 2 to ``k``, that all hold every class, and why it is below ``k`` (``""`` if not).

    >>> usable_folds(np.array([0, 0, 0, 0, 0, 1, 1, 1]), k=5)
    (3, '3 folds and not 5: the smallest class has only 3 independent examples')

    A class with a single independent example cannot be in two folds and does not count.
    """
    if k < 2:
        raise InputError(f"k={k} folds cannot be compared: give 2 or more")
    codes = np.unique(labels, return_inverse=True)[1]
    counts = independent(codes, groups, int(codes.max(initial=-1)) + 1)
    units = len(labels) if groups is None else len(np.unique(groups))
    if units < 2:
        raise DataError("one independent example cannot be divided into folds: give more examples")
    least = min(k, units, *(int(n) for n in counts if n > 1))
    if least >= k:
        return k, ""
    return least, f"{least} folds and not {k}: the smallest class has only {least} independent examples"
