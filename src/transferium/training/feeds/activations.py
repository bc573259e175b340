"""Stored activations of a frozen prefix: computed once for every example, and read in every epoch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache, cached_property, partial
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.embedding.store.open_table import OpenSpace
from transferium.embedding.store.store import FeatureStore
from transferium.embedding.store.table import Row
from transferium.errors import InputError
from transferium.models.backbone import Backbone
from transferium.models.modality import is_ragged
from transferium.models.sources.wrapped import fingerprint_module
from transferium.models.surgery.cut import Cut
from transferium.system.display import Progress
from transferium.training.augment.augment import say_augment
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.feeds import Feed, Feeds
from transferium.training.feeds.order import Indices

Activations = NDArray[np.floating[Any]]
AT_ONCE = 32
"""Examples computed together, always the same ones: what is stored does not depend on interruptions."""


class ActivationFeed:
    """Batches of stored activations as float32: ``(n, ...)``, or for texts ``(n, t, width)`` and their mask.

    Epoch ``e`` reads view ``e mod views``, so that a batch is a pure function of (epoch, rows).
    """

    def __init__(
        self,
        views: Sequence[Sequence[Activations]],
        labels: NDArray[np.int64] | None,
        lengths: Sequence[int] | None,
        *,
        ragged: bool,
    ) -> None:
        self.views, self.labels, self.lengths, self.ragged = views, labels, lengths, ragged

    def __len__(self) -> int:
        return len(self.views[0])

    def batch(self, epoch: int, rows: Indices) -> Batch:
        view = self.views[epoch % len(self.views)]
        picked = [view[row] for row in rows]
        inputs = _padded(picked) if self.ragged else (_stacked(picked),)
        return Batch(inputs, labels_at(self.labels, rows), torch.from_numpy(rows))


def _stacked(rows: list[Activations]) -> Tensor:
    stacked = torch.from_numpy(np.stack(rows)).float()
    return stacked.contiguous(memory_format=torch.channels_last) if stacked.ndim == 4 else stacked


def _padded(rows: list[Activations]) -> tuple[Tensor, Tensor]:
    longest = max(1, *map(len, rows))
    padded = torch.zeros((len(rows), longest, *rows[0].shape[1:]))
    mask = torch.zeros((len(rows), longest), dtype=torch.int64)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = torch.from_numpy(np.array(row, np.float32))
        mask[at, : len(row)] = 1
    return padded, mask


class CachedFeeds(Feeds):
    """``plain`` seen through the prefix of ``cut``: what a feed gives are activations, for its suffix.

    With ``views`` 0 an example has one row of activations, of its un-augmented inputs. Otherwise training examples have
    ``views`` of them: view ``v`` is what ``plain`` would give in epoch ``v``. Held-out examples always have one.
    They are stored as ``dtype`` numbers, known by content, preprocessing, weights, cut and, for views, by augmentation,
    seed, view and position; ``store=None`` keeps them in memory alone. Of several processes each computes what the
    store does not hold.
    """

    stored: ClassVar[bool] = True

    def __init__(
        self,
        plain: Feeds,
        cut: Cut,
        backbone: Backbone,
        store: FeatureStore | None,
        *,
        views: int = 0,
        dtype: str = "float16",
        progress: Progress | None = None,
    ) -> None:
        vars(self).update(vars(plain))
        self._opened = {}
        self.plain, self.cut, self.backbone, self.store = plain, cut, backbone, store
        self.views, self.dtype, self.progress = views, np.dtype(dtype), progress
        self.ragged = is_ragged(backbone.kind) and cut.block is not None

    def open(self, domain: Domain, *, augmented: bool) -> Feed:
        """The activations of ``domain``, which are computed now where they are not stored."""
        return super().open(domain, augmented=augmented and self.views > 0)

    def needed(self, train: Domain, held: Domain) -> int:
        """Bytes that both parts take: exact, except that texts which are changed may be longer or shorter."""
        numbers = math.prod(self.cut.shape[1:] if self.ragged else self.cut.shape)
        rows = self._rows_of(train) * max(1, self.views) + self._rows_of(held)
        return rows * numbers * self.dtype.itemsize

    def _rows_of(self, domain: Domain) -> int:
        lengths = self.plain.open(domain, augmented=False).lengths if self.ragged else None
        return len(domain) if lengths is None else sum(lengths)

    def _open(self, domain: Domain, augmented: bool) -> Feed:
        views = range(self.views) if augmented else (None,)
        lengths = self.plain.open(domain, augmented=False).lengths if is_ragged(self.backbone.kind) else None
        read = cache(partial(self.plain._open, domain, augmented))
        with self._space() as space:
            made = [self._view(domain, view, lengths, space, read) for view in views]
        if self.store is not None and space is not None:
            self.store.enforce_limit({space.path})
        return ActivationFeed(made, domain.labels, lengths, ragged=self.ragged)

    def _space(self) -> AbstractContextManager[OpenSpace | None]:
        if self.store is None:
            return nullcontext()
        return self.store.open(self._stored_as, f"activations {self.dtype}", dtype=str(self.dtype))

    @cached_property
    def _stored_as(self) -> Backbone:
        """The prefix as if it were a backbone of its own: known by the weights that it has."""
        weights = fingerprint_module(nn.ModuleList(self.cut.gone))
        words = f"prefix {self.backbone.fingerprint} {self.cut.block} {weights}"
        return replace(
            self.backbone,
            name=f"{self.backbone.name} up to {self.cut.block or 'its end'}",
            width=0 if self.ragged else math.prod(self.cut.shape),
            fingerprint=hashlib.sha256(words.encode()).hexdigest(),
        )

    def _ready(self) -> torch.device:
        """Bring what was cut off to where the rest is, or to the fastest device where there is no rest."""
        fastest = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        device = next((p.device for p in self.cut.suffix.parameters() if p.numel()), fastest)
        part: Any
        for part in self.cut.gone:
            part.to(device=device, memory_format=torch.channels_last)
        return device

    def _view(
        self,
        domain: Domain,
        view: int | None,
        lengths: Sequence[int] | None,
        space: OpenSpace | None,
        read: Callable[[], Feed],
    ) -> list[Activations]:
        """One row of activations for each example; ``read`` opens the inputs, once for all views."""
        keys = self._keys(domain, view)
        found = () if space is None else space.read(list(dict.fromkeys(keys)))
        rows: dict[str, Activations] = {row.key: row.vector for row in found if row.vector is not None}
        order = np.arange(len(domain)) if lengths is None else np.argsort(lengths, kind="stable")
        for start in range(0, len(order), AT_ONCE):
            some = order[start : start + AT_ONCE]
            if any(keys[i] not in rows for i in some):
                new = {keys[i]: row for i, row in zip(some, self._compute(domain, read, view, some), strict=True)}
                new = {key: row for key, row in new.items() if key not in rows}
                rows |= new
                if space is not None:
                    space.write([Row(key, row.ravel()) for key, row in new.items()])
            self._tell(min(start + AT_ONCE, len(order)), len(order))
        shape = (-1, *self.cut.shape[1:]) if self.ragged else self.cut.shape
        return [rows[key].reshape(shape) for key in keys]

    def _keys(self, domain: Domain, view: int | None) -> list[str]:
        keys = domain.keys if domain.keys is not None else scan(domain).keys
        if view is None:
            return list(keys)
        words = f"{say_augment(self.augment)} {self.seed} {view} {version('transferium')}"
        return [hashlib.sha256(f"{key} {words} {row}".encode()).hexdigest() for row, key in enumerate(keys)]

    def _compute(
        self, domain: Domain, read: Callable[[], Feed], view: int | None, rows: Indices
    ) -> Iterator[Activations]:
        """The activations of ``rows``; un-augmented pictures are decoded for this, and not kept."""
        if view is None and not is_ragged(self.backbone.kind):
            batch = self.plain._open(domain.take(rows), False).batch(0, np.arange(len(rows)))
        else:
            batch = read().batch(view or 0, rows)
        device = self._ready()
        exact = self.cut.prefix(*(x.to(device) for x in batch.inputs)).float().cpu().numpy()
        with np.errstate(over="ignore"):
            kept = exact.astype(self.dtype)
        if not np.isfinite(kept).all() and np.isfinite(exact).all():
            raise InputError(
                f"activations before {self.cut.block} reach {np.abs(exact).max():.3g}, too large for half precision: "
                "give cache_precision=full or cache=off."
            )
        for at, row in enumerate(kept):
            yield row[: int(batch.inputs[1][at].sum())] if self.ragged else row

    def _tell(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress("activations", done, total)
