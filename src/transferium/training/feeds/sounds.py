"""Sounds: decoded once, kept in memory as samples, drawn as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.sounds.decode import UnreadableSound
from transferium.errors import DataError
from transferium.models.sound_preprocess import SoundPreprocess
from transferium.training.augment.sounds import SoundAugment
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.order import Indices


class SoundFeed:
    """Batches ``float32 (n, 3, bands, frames)``.

    Without augmentation a recording is what the backbone's preprocessing makes of it, bit for bit. With it, samples are
    changed before they are drawn, and the picture after that. The samples of the first ``cache_bytes`` stay in memory,
    those beyond are decoded anew each epoch.
    """

    lengths: Sequence[int] | None = None

    def __init__(
        self, domain: Domain, preprocess: SoundPreprocess, augment: SoundAugment | None, seed: int, cache_bytes: int
    ) -> None:
        self.domain, self.preprocess, self.augment = domain, preprocess, augment
        self.seed, self.left = seed, cache_bytes
        self.kept: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self.domain)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        pictures = torch.from_numpy(np.stack([self.picture(epoch, int(row)) for row in rows]))
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        return Batch((pictures,), labels_at(self.domain.labels, rows), torch.from_numpy(rows))

    def picture(self, epoch: int, row: int) -> NDArray[np.float32]:
        """``(3, bands, frames)``: what is trained on in ``epoch``."""
        key, samples = (self.seed, epoch, row), self.samples(row)
        if self.augment is None:
            return self.preprocess.inputs(samples)
        heard = self.augment.heard(samples, key)[: self.preprocess.seconds * self.preprocess.rate]
        return self.augment.seen(self.preprocess.inputs(heard), key)

    def samples(self, row: int) -> NDArray[np.float32]:
        """The beginning of a recording; raises ``DataError`` where it cannot be read."""
        if row not in self.kept:
            try:
                samples = self.preprocess.samples(self.domain.samples.raw(row))
            except (UnreadableSound, OSError) as error:
                raise DataError(
                    f"sound {self.domain.ids[row]!r} cannot be trained on: {error}. Leave it out: inspecting the data "
                    "first sets unreadable files aside."
                ) from error
            if samples.nbytes > self.left:
                return samples
            self.kept[row] = samples
            self.left -= samples.nbytes
        return self.kept[row]
