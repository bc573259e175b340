"""A stratified split into bins: each class in the same proportion in every bin, each group in one bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_TRIED = 256  # groups looked at when one is to be moved


def stratified_split(labels: _Ints, groups: _Ints | None, shares: _Floats, seed: int) -> _Ints:
    """The bin of each example, where bin ``b`` takes about ``shares[b]`` of every class.

    Groups of several examples are placed one by one, the largest first, where they bring the class counts nearest to
    their targets (least squares, each class weighted by 1 / its size); single examples then fill what is missing.
    A class with at least as many groups as there are bins reaches every bin if its groups hold no other class;
    where groups hold several classes that can be impossible, and is then as nearly so as single moves get it.
    """
    random = np.random.default_rng(seed)
    classes = int(labels.max(initial=-1)) + 1
    group = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    target = shares[:, None] * np.bincount(labels, minlength=classes)
    have = np.zeros(target.shape)
    bins = np.full(len(labels), -1, np.int64)
    sizes = np.bincount(group)
    _place_groups(bins, labels, group, sizes, have, shares, random)
    single = np.flatnonzero(sizes[group] == 1)
    single = single[random.permutation(len(single))]
    for c in np.unique(labels[single]):
        mine = single[labels[single] == c]
        quota = _quota(have[:, c], target[:, c], len(mine), have.sum(1) - shares * have.sum())
        bins[mine] = np.repeat(np.arange(len(shares)), quota)
        have[:, c] += quota
    _reach_every_bin(bins, labels, group, len(shares))
    return bins


def independent(labels: _Ints, groups: _Ints | None, classes: int) -> _Ints:
    """How many independent examples each class has: groups that hold it, or examples where there are no groups."""
    if groups is None:
        return np.bincount(labels, minlength=classes)
    group = np.unique(groups, return_inverse=True)[1]
    pairs = np.unique(group * classes + labels)
    return np.bincount(pairs % classes, minlength=classes)


def _place_groups(
    bins: _Ints,
    labels: _Ints,
    group: _Ints,
    sizes: _Ints,
    have: _Floats,
    shares: _Floats,
    random: np.random.Generator,
) -> None:
    several = np.flatnonzero(sizes > 1)
    several = several[random.permutation(len(several))]
    several = several[np.argsort(-sizes[several], kind="stable")]
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(sizes)
    total = np.bincount(labels, minlength=have.shape[1])
    target = shares[:, None] * total
    for g in several:
        members = order[ends[g] - sizes[g] : ends[g]]
        at, count = np.unique(labels[members], return_counts=True)
        cost = (count * (2 * (have[:, at] - target[:, at]) + count) / total[at]).sum(1)
        ahead = have.sum(1) / shares
        best = int(np.lexsort((ahead, np.round(cost, 9)))[0])
        bins[members] = best
        have[best, at] += count


def _quota(have: _Floats, target: _Floats, n: int, ahead: _Floats) -> _Ints:
    """How many of ``n`` single examples each bin takes; ties go to the bin that is least ``ahead`` in all."""
    quota: _Ints = (have == 0).astype(np.int64)
    if quota.sum() > n:
        quota[:] = 0
    wanted = np.maximum(target - have - quota, 0)
    left = n - int(quota.sum())
    wanted = wanted * (left / wanted.sum()) if wanted.sum() > 0 else np.full(len(have), left / len(have))
    whole = np.floor(wanted + 1e-9).astype(np.int64)
    quota += whole
    by_rest = np.lexsort((ahead, -np.round(wanted - whole, 9)))
    quota[by_rest[: n - int(quota.sum())]] += 1
    return quota


def _reach_every_bin(bins: _Ints, labels: _Ints, group: _Ints, count: int) -> None:
    """Move groups, one at a time, while that lets a class reach one more bin without taking it from another."""
    classes = int(labels.max(initial=-1)) + 1
    present = np.bincount(bins * classes + labels, minlength=count * classes).reshape(count, classes)
    if (present > 0).all():
        return
    enough = independent(labels, group, classes) >= count
    moving = True
    while moving:
        moving = False
        for to, c in np.argwhere((present == 0) & enough):
            if present[to, c] == 0:
                moving |= _move_one(int(to), int(c), bins, labels, group, present, enough)


def _move_one(
    to: int, c: int, bins: _Ints, labels: _Ints, group: _Ints, present: _Ints, enough: NDArray[np.bool_]
) -> bool:
    """Move a group that holds class ``c`` to bin ``to``: the smallest of those that help most; False if none does."""
    best: tuple[int, int, _Ints] | None = None
    for g in np.unique(group[labels == c])[:_TRIED]:
        members = np.flatnonzero(group == g)
        content = np.bincount(labels[members], minlength=len(enough))
        held = (content > 0) & enough
        gained = int((held & (present[to] == 0)).sum())
        lost = int((held & (present[bins[members[0]]] == content)).sum())
        if gained > lost and (best is None or (lost - gained, len(members)) < best[:2]):
            best = (lost - gained, len(members), members)
    if best is None:
        return False
    members = best[2]
    content = np.bincount(labels[members], minlength=len(enough))
    present[bins[members[0]]] -= content
    present[to] += content
    bins[members] = to
    return True
