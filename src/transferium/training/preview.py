"""A preview of augmentation: a few training examples beside their changed versions in the first epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.modality import by_kind
from transferium.errors import DataError
from transferium.functional.sounds.drawing import drawn
from transferium.functional.sounds.log_mel import DEEPEST
from transferium.training.augment.augment import say_augment
from transferium.training.augment.recipe import LANGUAGES, Language, read_for, spell
from transferium.training.augment.rewriting import Rewrite
from transferium.training.feeds.feeds import Feeds
from transferium.training.feeds.images import ImageFeed, OwnTransformFeed
from transferium.training.feeds.sounds import SoundFeed
from transferium.training.feeds.texts import ChangedTextFeed, RewrittenTextFeed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Augmented:
    """One example: its name, its class (or None), and itself as a ``PIL.Image.Image`` or a text.

    ``original`` is what the backbone sees without augmentation, ``versions[epoch]`` what it sees in that epoch.
    """

    id: str
    label: str | None
    original: Any
    versions: list[Any]


@dataclass(frozen=True, eq=False)
class Contact:
    """Some examples that a recipe (or a function, by its name) changed."""

    recipe: str
    kind: Kind
    examples: list[Augmented]

    @property
    def drawn(self) -> bool:
        """Whether the examples are pictures; otherwise they are texts."""
        return LANGUAGES[self.kind].drawn


def contact_of(feeds: Feeds, domain: Domain, *, count: int = 4, versions: int = 5) -> Contact | None:
    """``count`` readable examples of ``domain``, spread over its classes; None where ``feeds`` changes nothing.

    They are exactly what training reads: the same rows, the same draws.
    """
    language = LANGUAGES.get(domain.kind)
    if language is None or (isinstance(feeds.augment, str) and not read_for(language, feeds.augment)):
        return None
    examples = by_kind(PREVIEWS, domain.kind, "preview")(feeds, domain, count, versions)
    return Contact(_said(feeds.augment, language), domain.kind, examples) if examples else None


def spread(domain: Domain, seed: int) -> Iterator[int]:
    """Every row once, in a random order: one of each class, then another of each.

    >>> from transferium.data.samples import Rows
    >>> from transferium.problems.classes import Classes
    >>> rows = Domain(Rows(np.zeros((4, 2))), "features", list("abcd"), np.array([0, 0, 0, 1]), Classes(("x", "y")))
    >>> sorted(rows.y[list(spread(rows, 0))[:2]].tolist())
    [0, 1]
    """
    rows = np.random.default_rng(seed).permutation(len(domain))
    if domain.labels is None:
        yield from rows.tolist()
        return
    labels = domain.labels[rows]
    turn = np.zeros(len(rows), np.intp)
    for label in np.unique(labels):
        turn[labels == label] = np.arange((labels == label).sum())
    yield from rows[np.lexsort((labels, turn))].tolist()


def _images(feeds: Feeds, domain: Domain, count: int, versions: int) -> list[Augmented]:
    lazy = replace(feeds, cache_bytes=0, _opened={})  # only what is shown is decoded
    changed, plain = lazy.open(domain, augmented=True), lazy.open(domain, augmented=False)
    if not isinstance(changed, (ImageFeed, OwnTransformFeed)):
        return []
    found: list[Augmented] = []
    for row in spread(domain, feeds.seed):
        if len(found) == count:
            break
        try:
            original = plain.picture(0, row) if isinstance(plain, ImageFeed) else changed.pictures[row]
            seen = [_picture(changed.picture(epoch, row)) for epoch in range(versions)]
        except DataError:
            continue  # an unreadable picture: there are others
        found.append(Augmented(domain.ids[row], _label(domain, row), _picture(original), seen))
    return found


def _texts(feeds: Feeds, domain: Domain, count: int, versions: int) -> list[Augmented]:
    feed = feeds.open(domain, augmented=True)
    if not isinstance(feed, (ChangedTextFeed, RewrittenTextFeed)):
        return []
    original = domain.samples.raw
    return [
        Augmented(
            domain.ids[row], _label(domain, row), str(original(row)), [feed.text(e, row) for e in range(versions)]
        )
        for row, _ in zip(spread(domain, feeds.seed), range(count), strict=False)
    ]


def _sounds(feeds: Feeds, domain: Domain, count: int, versions: int) -> list[Augmented]:
    changed, plain = feeds.open(domain, augmented=True), feeds.open(domain, augmented=False)
    if not isinstance(changed, SoundFeed) or not isinstance(plain, SoundFeed):
        return []
    found: list[Augmented] = []
    for row in spread(domain, feeds.seed):
        if len(found) == count:
            break
        try:
            seen = [
                _spectrogram(feed.picture(epoch, row))
                for feed, epoch in ((plain, 0), *((changed, e) for e in range(versions)))
            ]
        except DataError:
            continue  # an unreadable sound: there are others
        found.append(Augmented(domain.ids[row], _label(domain, row), seen[0], seen[1:]))
    return found


def _spectrogram(picture: NDArray[np.float32]) -> Any:
    """A picture of a sound as it is looked at: its loudest value at the top of the scale."""
    from PIL import Image

    loud = picture[0] - picture.max()
    return Image.fromarray(drawn(loud * np.float32(DEEPEST / max(1e-6, -float(loud.min())))))


PREVIEWS: dict[Kind, Callable[[Feeds, Domain, int, int], list[Augmented]]] = {
    "image": _images,
    "text": _texts,
    "sound": _sounds,
}
"""How some examples of each kind that has recipes are shown beside their changed versions."""


def _said(augment: str | Rewrite, language: Language) -> str:
    """A recipe, and what it is short for."""
    if not isinstance(augment, str):
        return say_augment(augment)
    whole = spell(language.read(augment))
    return augment if whole == augment else f"{augment} = {whole}"


def _label(domain: Domain, row: int) -> str | None:
    return None if domain.labels is None else domain.posed.cell(domain.labels[row])


def _picture(pixels: Tensor) -> Any:
    from PIL import Image

    return Image.fromarray(pixels.permute(1, 2, 0).numpy())
