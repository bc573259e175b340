"""How a domain becomes batches of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.modality import KINDS, by_kind
from transferium.errors import InputError, option
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess, Preprocess, TextPreprocess
from transferium.models.sound_preprocess import SoundPreprocess, WavePreprocess
from transferium.models.word_preprocess import WordPreprocess
from transferium.training.augment.augment import say_augment
from transferium.training.augment.rewriting import Rewrite
from transferium.training.augment.sounds import find_sound_augment
from transferium.training.augment.texts import find_text_augment
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.images import ImageFeed, OwnTransformFeed
from transferium.training.feeds.order import Indices, Order
from transferium.training.feeds.sounds import SoundFeed
from transferium.training.feeds.texts import ChangedTextFeed, RewrittenTextFeed, TextFeed
from transferium.training.feeds.word_feed import WordFeed


class Feed(Protocol):
    """A domain ready to be trained on; ``batch`` is a pure function of its arguments."""

    lengths: Sequence[int] | None

    def __len__(self) -> int: ...

    def batch(self, epoch: int, rows: Indices) -> Batch: ...


class FeatureFeed:
    """Rows of an array of any rank, in memory or memory-mapped, given as float32."""

    lengths: Sequence[int] | None = None

    def __init__(self, domain: Domain) -> None:
        self.values, self.labels = domain.features, domain.labels

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        inputs = torch.from_numpy(np.ascontiguousarray(self.values[rows], dtype=np.float32))
        return Batch((inputs,), labels_at(self.labels, rows), torch.from_numpy(rows))


@dataclass(eq=False)
class Feeds:
    """How the domains of one run are read: their preprocessing, their augmentation, and what is kept in memory.

    ``augment`` is a recipe for training batches (``training/augment/recipe.py``), or a function of texts, which is
    called once; its results are kept in the folder ``state`` where there is one. Decoded images stay in memory as
    uint8 up to ``cache_bytes`` for each domain; those beyond are decoded anew each epoch. ``workers`` processes make
    batches ahead of time (0: the training process makes them itself); batches are the same whatever their number.
    A domain is opened once, however many stages read it.
    """

    preprocess: Preprocess | None = None
    augment: str | Rewrite = "none"
    seed: int = 0
    cache_bytes: int = 2 << 30
    workers: int = 0
    state: Path | None = None
    stored: ClassVar[bool] = False
    """Whether what its feeds give are stored activations, and not the inputs themselves."""
    _opened: dict[tuple[int, bool], tuple[Domain, Feed]] = field(default_factory=dict, repr=False)

    def open(self, domain: Domain, *, augmented: bool) -> Feed:
        """The feed of ``domain``, with random changes or exactly as it is embedded."""
        key = id(domain), augmented
        if key not in self._opened:
            self._opened[key] = domain, self._open(domain, augmented)
        return self._opened[key][1]

    def describe(self, domains: Iterable[Domain]) -> str:
        """The augmentation in words; a function of texts by its name and a digest of what it made of ``domains``."""
        feeds = [self.open(domain, augmented=True) for domain in domains if not isinstance(self.augment, str)]
        digests = [feed.digest for feed in feeds if isinstance(feed, RewrittenTextFeed)]
        return " ".join([say_augment(self.augment), *digests])

    def _open(self, domain: Domain, augmented: bool) -> Feed:
        feed = by_kind(FEEDS, domain.kind, "feed")(self, domain, self.augment if augmented else "none")
        if feed is None:
            raise InputError(
                f"domain {domain.name!r} holds {domain.kind} examples, and the preprocessing is "
                f"{type(self.preprocess).__name__}; give the backbone's own."
            )
        return feed


def _rows(_feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed:
    if augment not in ("none", "auto", "simple"):
        raise InputError(
            f"augment={say_augment(augment)} changes images, texts or sounds, and domain {domain.name!r} holds "
            f"{KINDS[domain.kind]}: leave augment out; mixup=0.2 mixes rows."
        )
    return FeatureFeed(domain)


def _cells(feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed | None:
    """The rows of a table as they are encoded."""
    pre = feeds.preprocess
    if not isinstance(pre, ColumnsPreprocess) or not isinstance(domain.samples, Table):
        return None
    return _rows(feeds, domain.embedded(pre.encode(domain.samples)), augment)


def _images(feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed | None:
    pre, recipe = feeds.preprocess, _recipe(augment, domain)
    if isinstance(pre, ImagePreprocess):
        return ImageFeed(domain, pre, augment=recipe, seed=feeds.seed, cache_bytes=feeds.cache_bytes)
    if isinstance(pre, CallablePreprocess):
        return OwnTransformFeed(domain, pre, augment=recipe, seed=feeds.seed, cache_bytes=feeds.cache_bytes)
    return None


def _recipe(augment: str | Rewrite, domain: Domain) -> str:
    """A recipe; raises ``InputError`` for a function of texts."""
    if isinstance(augment, str):
        return augment
    raise InputError(
        f"augment={say_augment(augment)} rewrites texts, and domain {domain.name!r} holds {domain.kind} examples: name "
        "a recipe, as in augment='strong'."
    )


def _texts(feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed | None:
    pre = feeds.preprocess
    if not isinstance(pre, TextPreprocess):
        return None
    if not isinstance(augment, str):
        return RewrittenTextFeed(domain, pre, augment, feeds.seed, feeds.state)
    change = find_text_augment(augment, pre.tokenizer)
    return TextFeed(domain, pre) if change is None else ChangedTextFeed(domain, pre, change, feeds.seed)


def _sentences(feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed | None:
    pre = feeds.preprocess
    if augment not in ("none", "auto"):
        raise InputError(
            f"augment={say_augment(augment)} changes words, and the words of {KINDS[domain.kind]} are labelled one by "
            "one: leave augment out."
        )
    return WordFeed(domain, pre) if isinstance(pre, WordPreprocess) else None


def _sounds(feeds: Feeds, domain: Domain, augment: str | Rewrite) -> Feed | None:
    pre = feeds.preprocess
    if isinstance(pre, WavePreprocess):
        raise InputError(
            "a network that hears samples is not tuned here, for now: learn from its features "
            f"({option('method', 'probe')}), or tune one for images ({option('backbone', 'efficientnet_lite0')})."
        )
    if not isinstance(pre, SoundPreprocess):
        return None
    return SoundFeed(domain, pre, find_sound_augment(_recipe(augment, domain)), feeds.seed, feeds.cache_bytes)


FEEDS: dict[Kind, Callable[[Feeds, Domain, str | Rewrite], Feed | None]] = {
    "image": _images,
    "text": _texts,
    "sentence": _sentences,
    "sound": _sounds,
    "row": _cells,
    "features": _rows,
}
"""The feed of each kind of example under an augmentation; None where the preprocessing is one of another kind."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One process's part of a step: its rows of every stream, and its share of the rows (1 on average)."""

    batches: dict[str, Batch]
    share: float


@dataclass(frozen=True, eq=False)
class Steps:
    """The batches of every step of a stage, by number, for process ``rank`` of ``world``."""

    feeds: dict[str, Feed]
    orders: Mapping[str, Order]
    rank: int = 0
    world: int = 1

    def __getitem__(self, step: int) -> Slice:
        batches: dict[str, Batch] = {}
        share = 1.0
        for name in reversed(self.feeds):
            epoch, rows = self.orders[name].at(step)
            mine = np.array_split(rows, self.world)[self.rank]
            share = len(mine) * self.world / len(rows)
            # A process without rows still takes part in the exchange of gradients, with a weight of zero.
            batches[name] = self.feeds[name].batch(epoch, mine if len(mine) else rows[:1])
        # The leading stream, read last, sets the share.
        return Slice({name: batches[name] for name in self.feeds}, share)

    def between(self, start: int, stop: int, workers: int = 0) -> Iterator[Slice]:
        """The slices of steps ``start`` to ``stop``, made ahead of time by ``workers`` processes."""
        if workers == 0:
            yield from (self[step] for step in range(start, stop))
            return
        from torch.utils.data import DataLoader

        # Its own generator: a loader would otherwise draw from the global one, and only where there are workers.
        own = torch.Generator().manual_seed(0)
        yield from DataLoader(
            self,  # type: ignore[arg-type]  # anything with __getitem__ is a map-style data set
            batch_size=None,
            sampler=range(start, stop),
            num_workers=workers,
            collate_fn=_same,
            generator=own,
            prefetch_factor=2,
        )


def _same(made: Any) -> Any:
    return made
