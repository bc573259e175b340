"""Every example in two versions, for objectives that compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transferium.data.domain import Domain
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feed, Feeds
from transferium.training.feeds.order import Indices


class TwoViewFeed:
    """The inputs of views ``2 epoch`` and ``2 epoch + 1`` of another feed, one after the other."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.lengths: Sequence[int] | None = feed.lengths

    def __len__(self) -> int:
        return len(self.feed)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        first, second = (self.feed.batch(2 * epoch + i, rows) for i in range(2))
        return Batch((*first.inputs, *second.inputs), first.labels, first.index)


@dataclass(eq=False)
class TwoViewFeeds(Feeds):
    """Feeds of two versions of each example; held-out ones are changed as well."""

    def _open(self, domain: Domain, augmented: bool) -> Feed:
        return TwoViewFeed(super()._open(domain, True))
