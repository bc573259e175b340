"""A kind of example that the package does not know: vibrations, by one row in each table of a modality."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.data.doctor.scan import SCANS, content_key
from transferium.data.domain import Domain
from transferium.data.modality import KINDS
from transferium.data.read import read
from transferium.data.readers.arrays import MEMORY
from transferium.data.samples import Items, Samples
from transferium.embedding.embed import WAYS, Way
from transferium.embedding.images import Wanted, image_tasks
from transferium.embedding.store.missing import Need
from transferium.embedding.store.table import Row
from transferium.models.backbone import Backbone
from transferium.models.modality import MODALITIES, Modality
from transferium.models.preprocess import Preprocess
from transferium.models.sources.untrained import UNTRAINED
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.feeds import FEEDS, Feeds

LENGTH = 64


@dataclass(frozen=True)
class WavePreprocess(Preprocess):
    """The first ``length`` samples of a wave."""

    length: int = LENGTH
    kind: ClassVar[str] = "wave"

    def read(self, raw: Any) -> NDArray[np.float32]:
        return np.resize(np.asarray(raw, np.float32), self.length)

    def made_up(self) -> list[NDArray[Any]]:
        return [np.sin(np.arange(self.length, dtype=np.float32) * step) for step in (0.3, 1.1)]

    def to_json(self) -> dict[str, Any]:
        return {"kind": "wave", "length": self.length}


class Tones(nn.Module):
    """Waves ``(n, length)`` to how loud each of eight tones is."""

    def __init__(self) -> None:
        super().__init__()
        turns = torch.arange(LENGTH)[:, None] * torch.linspace(0.2, 2.4, 8)
        self.sines, self.cosines = nn.Parameter(turns.sin()), nn.Parameter(turns.cos())

    def forward(self, waves: Tensor) -> Tensor:
        return ((waves @ self.sines).square() + (waves @ self.cosines).square() + 1e-3).sqrt()


def tones() -> Backbone:
    return Backbone(
        name="tones",
        kind="wave",  # the type knows the kinds that are shipped
        width=8,
        blocks=("sines", "cosines"),
        preprocess=WavePreprocess(),
        fingerprint=hashlib.sha256(b"tones").hexdigest(),
        build=Tones,
        pretrained=False,
        fresh=Tones,
    )


def _work(samples: Samples, engines: dict[int, Any]) -> Callable[[Any], Iterator[tuple[Need, Row, bool]]]:
    def work(task: list[Wanted]) -> Iterator[tuple[Need, Row, bool]]:
        for example in task:
            for need in example.needs:
                read = need.backbone.preprocess.read(samples.raw(example.index))
                yield need, Row(example.key, engines[id(need)].run(read[None])[0]), True

    return work


class WaveFeed:
    """Waves as the backbone reads them."""

    lengths = None

    def __init__(self, feeds: Feeds, domain: Domain, _augment: object) -> None:
        self.domain, self.preprocess = domain, feeds.preprocess

    def __len__(self) -> int:
        return len(self.domain)

    def batch(self, _epoch: int, rows: NDArray[np.intp]) -> Batch:
        read = np.stack([self.preprocess.read(self.domain.samples.raw(row)) for row in rows])
        return Batch((torch.from_numpy(read),), labels_at(self.domain.labels, rows), torch.from_numpy(rows))


ROWS: dict[str, tuple[dict[Any, Any], str, Any]] = {
    "KINDS": (KINDS, "wave", "waves"),
    "MEMORY": (MEMORY, "wave", lambda source, asked: Items(list(source)) if asked else None),
    "SCANS": (
        SCANS,
        "wave",
        lambda domain, *_: [(content_key(domain.samples.raw(i)), "", "") for i in range(len(domain))],
    ),
    "MODALITIES": (
        MODALITIES,
        "wave",
        Modality(
            WavePreprocess,
            default="tones",
            setting="",
            resized=lambda preprocess, _: preprocess,
            smaller="",
            wrap=lambda transform: transform if isinstance(transform, WavePreprocess) else None,
            wants="a WavePreprocess",
            sign="",
        ),
    ),
    "UNTRAINED": (UNTRAINED, "tones", tones),
    "WAYS": (WAYS, "wave", Way(image_tasks, _work)),
    "FEEDS": (FEEDS, "wave", WaveFeed),
}
"""What a modality is: table, key and row by the name of the table."""


def add_waves(patch: pytest.MonkeyPatch, *, without: str = "") -> None:
    """Add every row but one."""
    for name, (table, key, row) in ROWS.items():
        if name != without:
            patch.setitem(table, key, row)


def waves(n: int = 60, seed: int = 0) -> Domain:
    """High and low tones of different lengths, under noise."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, n)
    given = [
        np.sin(np.arange(draw.integers(50, 90)) * (0.5 + label) + draw.uniform(0, 6)) + draw.normal(scale=0.3)
        for label in labels
    ]
    names = [("low", "high")[label] for label in labels]
    return read(given, kind="wave", label=names, name="waves")
