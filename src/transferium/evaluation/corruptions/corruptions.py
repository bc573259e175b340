"""What examples of each kind look like after common mishaps, at five severities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from transferium.data.columns.column import CODED
from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.images.decode import decode
from transferium.data.samples import Indices, Items, Rows, Samples
from transferium.data.sounds.decode import decode_sound
from transferium.evaluation.corruptions.corrupted_pictures import PICTURES, corrupted
from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sound_preprocess import HeardPreprocess
from transferium.training.augment.texts import TextAugment

SEVERITIES = (1, 2, 3, 4, 5)
Change = Callable[[Any, np.random.Generator], Any]
Corrupt = Callable[[Domain, str, int, int], Domain]
"""Examples that are ready, the name of a corruption, its severity, and the seed: the same examples, corrupted."""


@dataclass(frozen=True)
class Corruptions:
    """``names`` of one kind's corruptions, what makes examples ``ready`` for them, and what corrupts them."""

    names: tuple[str, ...]
    corrupt: Corrupt
    ready: Callable[[Domain, Backbone], Domain] = lambda domain, _backbone: domain


class Corrupted:
    """Examples that are changed when they are asked for, each by a random stream of its own: in threads, as they come.

    ``change`` takes a raw example and its stream; a stream is the same at every severity.
    """

    def __init__(self, samples: Samples, change: Change, seed: Sequence[int], at: Indices | None = None) -> None:
        self.samples, self.change, self.seed = samples, change, tuple(seed)
        self.at: Indices = np.arange(len(samples)) if at is None else at

    def __len__(self) -> int:
        return len(self.at)

    def raw(self, index: int) -> Any:
        """One example, changed."""
        at = int(self.at[index])
        return self.change(self.samples.raw(at), np.random.default_rng([*self.seed, at]))

    def take(self, indices: Indices) -> Corrupted:
        """Some of them, changed as they would be among all."""
        return Corrupted(self.samples, self.change, self.seed, self.at[indices])


def _each(change: Callable[[Any, str, int, np.random.Generator], Any]) -> Corrupt:
    """Each example changed alone; what it is known by says how."""

    def corrupt(domain: Domain, name: str, severity: int, seed: int) -> Domain:
        made = Corrupted(domain.samples, lambda raw, rng: change(raw, name, severity, rng), (seed, sum(name.encode())))
        names = (f"{i} {name} {severity} {seed}" for i in range(len(domain)))
        return replace(domain, samples=made, keys=tuple(hashlib.sha256(n.encode()).hexdigest() for n in names))

    return corrupt


def _decoded(domain: Domain, backbone: Backbone) -> Domain:
    """Pictures decoded and brought to the size at which they are read, so that severities mean the same for all."""
    from PIL.Image import Resampling

    reads, made = backbone.preprocess, []
    for i in range(len(domain)):
        picture = decode(domain.samples.raw(i), getattr(reads, "decode_at_least", None))
        if isinstance(reads, ImagePreprocess):
            scale = reads.resize * reads.via / min(picture.size)
            width, height = (max(1, round(scale * side)) for side in picture.size)
            picture = picture.resize((width, height), Resampling[reads.interpolation.upper()])
        made.append(np.asarray(picture))
    return replace(domain, samples=Items(made), keys=None)


SLIPS, LOST, CAPITALS = (0.02, 0.05, 0.1, 0.15, 0.25), (0.1, 0.2, 0.3, 0.4, 0.5), (0.2, 0.4, 0.6, 0.8, 1.0)


def _text(text: str, name: str, severity: int, rng: np.random.Generator) -> str:
    """Slips of letters, words in capitals, or words lost."""
    if name == "capitals":
        words = text.split(" ")
        up = rng.random(len(words)) < CAPITALS[severity - 1]
        return " ".join(word.upper() if high else word for word, high in zip(words, up, strict=True))
    amounts = {"letters": SLIPS[severity - 1]} if name == "typos" else {"delete": LOST[severity - 1]}
    return TextAugment(amounts)(text, int(rng.integers(2**31)), 0, 0)


def _heard(domain: Domain, backbone: Backbone) -> Domain:
    """Recordings as samples and their rate, as much of each as is read."""
    reads = backbone.preprocess
    assert isinstance(reads, HeardPreprocess)
    sounds = [decode_sound(domain.samples.raw(i), reads.seconds) for i in range(len(domain))]
    return replace(domain, samples=Items([(sound.samples, sound.facts.rate) for sound in sounds]), keys=None)


HISS, QUIETER, LOUDER = (0.05, 0.1, 0.2, 0.4, 0.8), (6, 12, 18, 24, 30), (6, 10, 14, 18, 24)


def _sound(raw: Any, name: str, severity: int, rng: np.random.Generator) -> Any:
    """White noise as a share of the loudness, fewer decibels, or more of them until the recorder clips."""
    samples, rate = raw
    if name == "noise":
        loudness = float(np.sqrt(np.square(samples, dtype=np.float64).mean()))
        noise = rng.normal(scale=HISS[severity - 1] * max(loudness, 1e-6), size=len(samples))
        return (samples + noise).astype(np.float32), rate
    if name == "quieter":
        return (samples * 10 ** (-QUIETER[severity - 1] / 20)).astype(np.float32), rate
    peak = max(float(np.abs(samples).max()), 1e-6)
    return np.clip(samples / peak * 10 ** (LOUDER[severity - 1] / 20), -1, 1).astype(np.float32), rate


SHAKEN, GONE = (0.1, 0.2, 0.4, 0.6, 1.0), (0.05, 0.1, 0.2, 0.3, 0.5)


def _rows(domain: Domain, name: str, severity: int, seed: int) -> Domain:
    """Numbers moved by a share of their column's standard deviation, or cells that are missing."""
    table, rng = domain.samples, np.random.default_rng(seed)
    assert isinstance(table, Table)
    columns = []
    for column in table.columns:
        values = column.values.copy()
        if name == "missing":
            empty = -1 if column.type in CODED else np.array(np.nan).astype(values.dtype)
            values[rng.random(len(values)) < GONE[severity - 1]] = empty
        elif column.type == "number":
            finite = values[np.isfinite(values)]
            values += rng.normal(scale=SHAKEN[severity - 1] * (finite.std() if len(finite) else 0), size=len(values))
        columns.append(replace(column, values=values))
    return replace(domain, samples=Table(columns, named=table.named, rows=len(table)), keys=None)


def _features(domain: Domain, _name: str, severity: int, seed: int) -> Domain:
    """Feature rows moved by a share of each column's standard deviation."""
    values, rng = domain.features, np.random.default_rng(seed)
    noise = rng.normal(size=values.shape) * SHAKEN[severity - 1] * values.std(axis=0)
    return replace(domain, samples=Rows((values + noise).astype(np.float32)), keys=None)


CORRUPTIONS: dict[Kind, Corruptions] = {
    "image": Corruptions(tuple(PICTURES), _each(corrupted), _decoded),
    "text": Corruptions(("typos", "capitals", "lost words"), _each(_text)),
    "sound": Corruptions(("noise", "quieter", "clipped"), _each(_sound), _heard),
    "row": Corruptions(("noise", "missing"), _rows),
    "features": Corruptions(("noise",), _features),
}
"""The mishaps that each kind of example meets."""
