"""Pairs of examples: a batch of pairs holds the two rows of each pair one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feed, Feeds
from transferium.training.feeds.order import Indices


class PairFeed:
    """The pairs ``(first[i], second[i])`` of the examples of a feed; a batch of n pairs has 2 n rows."""

    def __init__(self, feed: Feed, first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
        self.feed, self.pairs = feed, np.stack([first, second], axis=1)
        sizes = None if feed.lengths is None else np.asarray(feed.lengths)
        self.lengths: Sequence[int] | None = None if sizes is None else sizes[self.pairs].max(axis=1).tolist()

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        return self.feed.batch(epoch, self.pairs[rows].ravel())


class PairFeeds(Feeds):
    """``plain`` feeds that give pairs of the examples of ``whole``; the domain that is opened is of the first ones."""

    def __init__(self, plain: Feeds, whole: Domain, first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
        vars(self).update(vars(plain))
        self._opened = {}
        self.plain, self.whole, self.first, self.second = plain, whole, first, second

    def _open(self, domain: Domain, augmented: bool) -> Feed:
        return PairFeed(self.plain.open(self.whole, augmented=augmented), self.first, self.second)
