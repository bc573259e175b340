"""Whether the frozen first blocks of a backbone are run once and remembered, instead of in every epoch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.data.modality import KINDS, by_kind
from transferium.errors import InputError, TransferiumWarning
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule
from transferium.models.catalogue import OWN
from transferium.models.modality import MODALITIES

if TYPE_CHECKING:
    from torch import nn

    from transferium.data.domain import Kind
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.methods.finetuning.trained import Trained
    from transferium.models.surgery.cut import Inputs

PRECISIONS = {"half": "float16", "full": "float32"}


def _caches(m: Any) -> bool:
    return m.cache != "off" and str(m.unfreeze).strip() != "all"


_IF_IT_CACHES = Rule(
    "unfreeze", _caches, "a cached prefix: first blocks that unfreeze leaves frozen, and cache=auto or on"
)


@dataclass
class PrefixCache:
    """The settings that say whether frozen first blocks run once for each example, and what is stored of them."""

    unused_rules: ClassVar[dict[str, Rule]] = {"cache_limit": _IF_IT_CACHES, "cache_precision": _IF_IT_CACHES}

    cache: str = setting(
        "auto",
        "run the frozen first blocks once and store what they give: on, off, or auto (wherever that is valid)",
        choices=("auto", "on", "off"),
    )
    views: int = setting(
        0, "augmented views of each example that a cached prefix stores, read in turn (0: none)", bounds={"least": 0}
    )
    cache_limit: str = setting("2GB", "most that a cached prefix may take, in memory and in the store")
    cache_precision: str = setting(
        "half", "what a cached prefix is stored in: half (float16) or full (float32)", choices=tuple(PRECISIONS)
    )

    def check_cache(self) -> None:
        """Raise ``InputError`` for a limit that is no size, and for views that are stored nowhere."""
        from transferium.embedding.store.store import parse_size

        parse_size(self.cache_limit)
        if self.views and self.cache == "off":
            raise InputError(f"views={self.views} are stored views of a cached prefix, and cache=off: give views=0.")


def cached_prefix(given: PrefixCache, setup: FineTuneSetup, unfreeze: int | str, why_not: str = "") -> FineTuneSetup:
    """``setup`` with its model cut where ``unfreeze`` begins and its feeds giving activations, if that is valid.

    What ``unfreeze`` freezes must stay frozen in every stage. ``why_not`` is what the method itself has against it.
    Raises ``InputError`` where the cache was asked for and cannot be had, or needs more than its limit; where it was
    not, a cache above the limit is a warning.
    """
    if given.cache == "off":
        return setup
    why_not = why_not or _varies(given, setup)
    if not why_not:
        from transferium.models.surgery.cut import CannotCutError

        try:
            return _cut(given, setup, unfreeze)
        except CannotCutError as error:
            why_not = str(error)
    if asked := _asked(given):
        raise InputError(f"{asked}, but the prefix cannot be cached: {why_not}.")
    return setup


def _asked(given: PrefixCache) -> str:
    """What insists on a cache, if anything does."""
    return "cache=on" if given.cache == "on" else f"views={given.views}" if given.views else ""


def _varies(given: PrefixCache, setup: FineTuneSetup) -> str:
    """What changes between two looks of the frozen part at one example."""
    from transferium.training.augment.augment import say_augment
    from transferium.training.augment.recipe import LANGUAGES, read_for
    from transferium.training.distributed.sharding import Split

    if Split.asked() is not None:
        return "this launch splits the model over processes (FSDP)"
    kind, augment = setup.parts.train.kind, setup.feeds.augment
    if kind in OWN:
        return f"{KINDS[kind]} pass through no network"
    if setup.backbone.output != "pooled":
        return f"{KINDS[kind]} are read in windows, several of them where one is long"
    if not isinstance(augment, str):
        return f"{say_augment(augment)} rewrites the texts that it reads"
    changes = read_for(LANGUAGES[kind], augment) if kind in LANGUAGES else {}
    if changes and not given.views:
        return (
            f"augment={augment} shows it other inputs in every epoch; store some views of each, as in views=4, or "
            "give augment=none"
        )
    if given.views and not changes:
        raise InputError(f"views={given.views} of each example, but augment={augment} changes none: give views=0.")
    return ""


def _cut(given: PrefixCache, setup: FineTuneSetup, unfreeze: int | str) -> FineTuneSetup:
    from transferium.models.model import Model
    from transferium.models.surgery.cut import Cut
    from transferium.training.feeds.activations import CachedFeeds

    body, task = setup.model.backbone, setup.task
    block = first_moving(body, setup.backbone.blocks, unfreeze)
    cut = Cut(body, block, _probes(setup))
    store = task.embedder.store
    feeds = CachedFeeds(
        setup.feeds, cut, setup.backbone, store, views=given.views, dtype=PRECISIONS[given.cache_precision]
    )
    size = feeds.needed(setup.parts.train, setup.parts.held)
    if too_large := _too_large(given, size, block, setup.parts.train.kind):
        if _asked(given):
            raise InputError(f"{too_large}, or give cache=off.")
        warnings.warn(f"{too_large}. This run goes on without a cache.", TransferiumWarning, stacklevel=2)
        return setup
    progress = task.progress
    if progress is not None:
        what = f"activations before {block or 'the head'}, {_said(size)}"
        feeds.progress = lambda _what, done, total: progress(what, done, total)
    return replace(setup, model=Model(cut.suffix, setup.model.head), feeds=feeds)


def _too_large(given: PrefixCache, size: int, block: str | None, kind: Kind) -> str:
    """What to do about activations above the limit; nothing below it."""
    from transferium.embedding.store.store import parse_size

    if size <= parse_size(given.cache_limit):
        return ""
    row = by_kind(MODALITIES, kind, "cached prefix")
    smaller = f"{row.smaller} ({row.setting})"
    fewer = (
        f"fewer views than {given.views}"
        if given.views
        else "half precision"
        if given.cache_precision == "full"
        else ""
    )
    return (
        f"the activations before {block or 'the head'} take {_said(size)}, and cache_limit is {given.cache_limit}: cut "
        f"later (unfreeze fewer blocks), take {' or '.join(filter(None, (smaller, fewer)))}, or raise cache_limit"
    )


def first_moving(body: nn.Module, blocks: tuple[str, ...], unfreeze: int | str) -> str | None:
    """The first block, from the input on, of which something moves; None where nothing does.

    Raises ``CannotCutError`` where that is the first one of all, or no module. ``body`` is left as it is.
    """
    from transferium.models.surgery.cut import CannotCutError
    from transferium.training.loop.freeze import block_of, freeze

    before = [(p, p.requires_grad) for p in body.parameters()]
    freeze(body, blocks, unfreeze)
    moving = [block_of(name, blocks) for name, p in body.named_parameters() if p.requires_grad]
    for parameter, required in before:
        parameter.requires_grad_(required)
    if not moving:
        return None
    first = min(moving)
    if first and "*" in blocks[first]:
        raise CannotCutError(f"{blocks[first]} is a block of each of several networks side by side")
    modules = dict(body.named_modules())
    # What comes before may be parameters of the root alone, which no pass is saved by.
    if not any(name in modules for name in blocks[:first]):
        raise CannotCutError(f"with unfreeze={unfreeze} nothing at the input side is frozen")
    if blocks[first] not in modules:
        raise CannotCutError(f"{blocks[first]}, the first that moves, is a parameter and no module")
    return blocks[first]


def _probes(setup: FineTuneSetup) -> list[Inputs]:
    """Two batches of the first training examples: two of them, and one alone, a token shorter where it is a text."""
    some = setup.parts.train.take(np.arange(min(2, len(setup.parts.train))))
    two = setup.feeds.open(some, augmented=False).batch(0, np.arange(len(some))).inputs
    one = tuple(x[:1] if len(two) == 1 else x[:1, : max(1, x.shape[1] - 1)] for x in two)
    return [two, one]


def _said(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def put_together(trained: Trained) -> Trained:
    """``trained`` with the whole backbone in place of its suffix, reading inputs again; itself where none was cut.

    What is measured from here on is the model as it will be used, at full precision.
    """
    from transferium.models.model import Model
    from transferium.models.surgery.cut import whole_of
    from transferium.training.feeds.activations import CachedFeeds

    if not isinstance(trained.feeds, CachedFeeds):
        return trained
    model = trained.model
    device = next(model.head.parameters()).device
    whole = Model(whole_of(model.backbone), model.head).eval().to(device)
    block, dtype = trained.feeds.cut.block or "the head", trained.feeds.dtype
    note = f"what comes before {block} is frozen and ran once for each example; its activations were kept as {dtype}"
    return replace(trained, model=whole, feeds=trained.feeds.plain, notes=(*trained.notes, note))
