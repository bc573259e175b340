"""Average precision of boxes, as a function of how often each picture counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.bootstrap import CELLS
from transferium.functional.boxes.overlaps import overlaps

Array = NDArray[np.float64]
LEVELS = np.arange(50, 100, 5) / 100
"""The overlaps with a true box from which an answer counts as right."""
RECALLS = np.linspace(0, 1, 101)
MOST = 100
"""How many answers of a picture count, the surest first."""


@dataclass(frozen=True)
class Matches:
    """The answers for one class, the surest first, and how many true boxes each picture has.

    ``whose (d,)`` is the picture of each answer, ``right (levels, d)`` whether it found a true box that no surer answer
    had found, ``there (n,)`` counts the true boxes.
    """

    whose: NDArray[np.intp]
    scores: Array
    right: NDArray[np.bool_]
    there: Array


def matches(labels: Sequence[Any] | NDArray[Any], outputs: Sequence[Any] | NDArray[Any], classes: int) -> list[Matches]:
    """The matches of each class. ``labels`` hold ``(class, box)`` in each row, ``outputs`` ``(class, box, score)``.

    In each picture the answers of a class are taken in the order of their scores; each finds the true box that it
    overlaps most among those not found yet, as the evaluation of COCO does (Lin et al. 2014).
    """
    found = []
    for k in range(classes):
        whose, scores, right = [], [], []
        there = np.zeros(len(labels))
        for i, (label, output) in enumerate(zip(labels, outputs, strict=True)):
            true, said = label[label[:, 0] == k, 1:5], output[output[:, 0] == k]
            said = said[np.argsort(-said[:, 5], kind="stable")][:MOST]
            there[i] = len(true)
            whose.append(np.full(len(said), i))
            scores.append(said[:, 5])
            right.append(matched(overlaps(said[:, 1:5], true)))
        sure: Array = np.concatenate(scores)
        order = np.argsort(-sure, kind="stable")
        found.append(Matches(np.concatenate(whose)[order], sure[order], np.concatenate(right, axis=1)[:, order], there))
    return found


def matched(shared: Array, levels: Array = LEVELS) -> NDArray[np.bool_]:
    """Which answers find a true box ``(levels, answers)``, by their overlaps ``(answers, true)``; the surest first.

    >>> matched(np.array([[0.9], [0.8]]), np.array([0.5, 0.95])).tolist()
    [[True, False], [False, False]]
    """
    right = np.zeros((len(levels), len(shared)), np.bool_)
    for place, level in enumerate(levels):
        free = np.ones(shared.shape[1], np.bool_)
        for answer, row in enumerate(shared):
            usable = np.where(free, row, -1.0)
            best = int(usable.argmax()) if len(row) else -1
            if best >= 0 and usable[best] >= level:
                right[place, answer], free[best] = True, False
    return right


def box_statistics(found: Sequence[Matches]) -> Callable[[Array], dict[str, Array]]:
    """Figures by counts ``(some, n)`` of pictures.

    ``ap`` is the average precision at 101 recalls, the mean over ``LEVELS`` and classes, ``ap50`` and ``ap75`` that of
    one level, ``ar`` the largest recall in the mean over levels; ``class_ap``, ``class_ap50`` and ``class_ar`` are
    those of each class. A class without a true box counts in none of them.
    """

    def statistics(times: Array) -> dict[str, Array]:
        each = [_in_blocks(one, np.asarray(times, np.float64)) for one in found]
        ap, ar = (np.stack([pair[i] for pair in each], axis=1) for i in range(2))  # (some, classes, levels)
        overall = [_mean(part, (1, 2)) for part in (ap, ap[:, :, :1], ap[:, :, 5:6], ar)]
        of_classes = (_mean(ap, 2), ap[:, :, 0], _mean(ar, 2))
        return dict(zip(("ap", "ap50", "ap75", "ar"), overall, strict=True)) | dict(
            zip(("class_ap", "class_ap50", "class_ar"), of_classes, strict=True)
        )

    return statistics


def _mean(values: Array, axis: Any) -> Array:
    """The mean of what exists; NaN where nothing does."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=axis)
    count = known.sum(axis=axis)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _first_at_least(rising: Array, wanted: Array) -> NDArray[np.intp]:
    """In each row of ``rising (some, d)``, from 0 to 1, the place of the first value of at least each ``wanted``."""
    shift = 2.0 * np.arange(len(rising))[:, None]
    flat = np.searchsorted((rising + shift).ravel(), (wanted + shift).ravel()).reshape(len(rising), -1)
    places: NDArray[np.intp] = flat - rising.shape[1] * np.arange(len(rising))[:, None]
    return np.minimum(places, rising.shape[1])


def _in_blocks(one: Matches, times: Array) -> tuple[Array, Array]:
    """:func:`_of_class`, a few rows of ``times`` at once: there may be 100 answers for each picture."""
    rows = max(1, CELLS // max(1, len(one.scores)))
    blocks = [_of_class(one, times[start : start + rows]) for start in range(0, len(times), rows)]
    ap, ar = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return ap, ar


def _of_class(one: Matches, times: Array) -> tuple[Array, Array]:
    """Average precision and largest recall of one class ``(some, levels)``; NaN where it has no true box."""
    there = times @ one.there
    precision_sum, recall = (np.zeros((len(times), len(one.right))) for _ in range(2))
    counted = times[:, one.whose]
    seen = counted.cumsum(axis=1)
    for level, right in enumerate(one.right):
        hits = (counted * right).cumsum(axis=1)
        precision = np.maximum.accumulate((hits / np.maximum(seen, 1e-12))[:, ::-1], axis=1)[:, ::-1]
        if not right.size:
            continue
        reached = hits / np.maximum(there, 1e-12)[:, None]
        recall[:, level] = reached[:, -1]
        at = _first_at_least(reached, RECALLS - 1e-9)
        padded = np.pad(precision, ((0, 0), (0, 1)))  # behind the last answer there is no precision
        precision_sum[:, level] = np.take_along_axis(padded, at, axis=1).mean(axis=1)
    none = there == 0
    precision_sum[none], recall[none] = np.nan, np.nan
    return precision_sum, recall
