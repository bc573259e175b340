"""Which rows make which batch: a pure function of (seed, stage, step), so that a position is one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
_BUCKET = 50  # batches that are sorted by length together
OF_STAGE = 1 << 64
"""Epochs of stage ``k`` are counted from ``k`` times this on. To NumPy's ``SeedSequence`` such a number is three words
of 32 bits, so that no two stages with seeds below 2³² draw the same; stage 0 draws as one that is alone."""


@dataclass
class Order:
    """Shuffled mini-batches of ``n`` rows, epoch after epoch.

    ``lengths`` (of texts, in tokens) puts rows of like length together: each run of 50 batches is sorted by length and
    cut, and the batches are shuffled again. A last batch smaller than ``smallest`` is dropped; a smaller last batch is
    kept otherwise, except with ``full=True``, which keeps every batch at the full size.

    With ``labels``, an epoch of as many rows gives every class the same share of them: a class's rows come in random
    order, again and again where they are few, and a random part of them where they are many.

    ``stream`` numbers the streams that are read together: with equally many rows, each is shuffled otherwise.
    ``stage`` is the number of the stage in its run: each stage shuffles in its own way (see ``OF_STAGE``).

    >>> Order(5, 2, seed=0).batches_per_epoch
    3
    >>> labels = np.array([0, 0, 0, 0, 0, 1])
    >>> np.bincount(labels[Order(6, 6, seed=0, labels=labels).at(0)[1]])
    array([3, 3])
    """

    n: int
    batch_size: int
    seed: int
    smallest: int = 1
    full: bool = False
    lengths: Sequence[int] | None = None
    labels: NDArray[np.int64] | None = None
    stream: int = 0
    stage: int = 0
    _drawn: tuple[int, list[Indices]] = field(default=(-1, []), repr=False, compare=False)

    def __post_init__(self) -> None:
        self.batch_size = min(self.batch_size, self.n)

    @property
    def batches_per_epoch(self) -> int:
        """How many batches one epoch has."""
        whole, rest = divmod(self.n, self.batch_size)
        return whole + int(rest >= self.smallest and rest > 0 and not self.full)

    def at(self, step: int) -> tuple[int, Indices]:
        """The row numbers of the batch at ``step``, counted over all epochs, and before them which view they get.

        That is the epoch; or the step, where a row may come twice in an epoch and should then be changed otherwise. In
        the stage ``k`` views are counted from ``k * OF_STAGE`` on.
        """
        epoch, place = divmod(step, self.batches_per_epoch)
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._draw(epoch))
        view = epoch if self.labels is None else step
        return self.stage * OF_STAGE + view, self._drawn[1][place]

    def _draw(self, epoch: int) -> list[Indices]:
        rng = np.random.default_rng([self.seed, self.stage * OF_STAGE + epoch, self.stream])
        rows = rng.permutation(self.n) if self.labels is None else _balanced(self.labels, rng)
        if self.lengths is None:
            cut = [rows[i : i + self.batch_size] for i in range(0, self.n, self.batch_size)]
            return cut[: self.batches_per_epoch]
        kept = rows[: self.batches_per_epoch * self.batch_size]
        return self._bucketed(kept, rng)

    def _bucketed(self, rows: Indices, rng: np.random.Generator) -> list[Indices]:
        assert self.lengths is not None
        size = np.asarray(self.lengths)
        batches: list[Indices] = []
        for i in range(0, len(rows), _BUCKET * self.batch_size):
            pool = rows[i : i + _BUCKET * self.batch_size]
            pool = pool[np.argsort(size[pool], kind="stable")]
            batches += [pool[j : j + self.batch_size] for j in range(0, len(pool), self.batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]


def _balanced(labels: NDArray[np.int64], rng: np.random.Generator) -> Indices:
    """As many rows as there are labels, each class equally often (what does not divide goes to random classes).

    No row comes again before all others of its class have come.
    """
    classes = np.unique(labels)
    each, rest = divmod(len(labels), len(classes))
    counts = np.full(len(classes), each)
    counts[rng.permutation(len(classes))[:rest]] += 1
    seats = rng.permutation(np.repeat(classes, counts))
    rows = np.empty(len(labels), np.intp)
    for name, count in zip(classes, counts, strict=True):
        own = np.flatnonzero(labels == name)
        rounds = [rng.permutation(own) for _ in range(-(-count // len(own)))]
        rows[seats == name] = np.concatenate(rounds)[:count] if rounds else own[:0]
    return rows
