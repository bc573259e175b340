"""Images: decoded once, kept in memory, augmented reproducibly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from transferium.data.domain import Domain
from transferium.data.images.decode import decode
from transferium.data.images.pixels import UnreadableImage
from transferium.errors import DataError
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess
from transferium.system.hardware import usable_cores
from transferium.training.augment.augment import seeded
from transferium.training.augment.images import find_augment
from transferium.training.feeds.batch import Batch, labels_at
from transferium.training.feeds.order import Indices

if TYPE_CHECKING:
    from PIL.Image import Image


class Pictures:
    """A domain's images as tensors made by ``make``, the first ``cache_bytes`` of them kept in memory."""

    def __init__(self, domain: Domain, make: Callable[[Image], Tensor], at_least: int | None, cache_bytes: int) -> None:
        self.domain, self.make, self.at_least = domain, make, at_least
        self.kept: dict[int, Tensor] = {}
        self._fill(cache_bytes)

    def __getitem__(self, row: int) -> Tensor:
        kept = self.kept.get(row)
        return self._read(row) if kept is None else kept

    def _fill(self, left: int, chunk: int = 256) -> None:
        if left <= 0:
            return
        with ThreadPoolExecutor(usable_cores()) as pool:
            for start in range(0, len(self.domain), chunk):
                rows = range(start, min(start + chunk, len(self.domain)))
                for row, picture in zip(rows, pool.map(self._read, rows), strict=True):
                    left -= picture.nbytes
                    if left < 0:
                        return
                    self.kept[row] = picture

    def _read(self, row: int) -> Tensor:
        try:
            return self.make(decode(self.domain.samples.raw(row), at_least=self.at_least))
        except (UnreadableImage, OSError) as error:
            raise DataError(
                f"image {self.domain.ids[row]!r} cannot be trained on: {error}. Leave it out: inspecting the data "
                "first sets unreadable files aside."
            ) from error


class ImageFeed:
    """Batches ``float32 (n, 3, size, size)`` in channels-last layout.

    Without augmentation an image is what the backbone's preprocessing makes of it, bit for bit. With it, the image is
    resized to the preprocessing's shorter side, its longer side cut to twice that, and the preset draws from a
    generator seeded by (seed, epoch, position), so that neither workers nor interruptions change it.
    """

    lengths: Sequence[int] | None = None

    def __init__(
        self, domain: Domain, preprocess: ImagePreprocess, *, augment: str, seed: int, cache_bytes: int
    ) -> None:
        self.labels, self.preprocess, self.seed = domain.labels, preprocess, seed
        self.augment = find_augment(augment, preprocess.size, squash=preprocess.crop == "squash")
        make = self._exact if self.augment is None else self._roomy
        self.pictures = Pictures(domain, make, preprocess.decode_at_least, cache_bytes)
        # The preprocessing's own constants, so that the same pixels become the same numbers.
        self.scale = torch.tensor([np.float32(1 / (255 * s)) for s in preprocess.std]).view(3, 1, 1)
        pairs = zip(preprocess.mean, preprocess.std, strict=True)
        self.shift = torch.tensor([np.float32(m / s) for m, s in pairs]).view(3, 1, 1)

    def __len__(self) -> int:
        return len(self.pictures.domain)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        pixels = torch.stack([self.picture(epoch, int(row)) for row in rows])
        images = (pixels * self.scale - self.shift).contiguous(memory_format=torch.channels_last)
        return Batch((images,), labels_at(self.labels, rows), torch.from_numpy(rows))

    def picture(self, epoch: int, row: int) -> Tensor:
        """``uint8 (3, size, size)``: what is trained on in ``epoch``, before it is normalised."""
        pixels = self.pictures[row]
        if self.augment is None:
            return pixels
        with seeded(self.seed, epoch, row):
            return self.augment(pixels)

    def _exact(self, image: Image) -> Tensor:
        cut = self.preprocess.cut(image)
        return _tensor(cut.reduce(self.preprocess.via) if self.preprocess.via > 1 else cut)

    def _roomy(self, image: Image) -> Tensor:
        from PIL import Image as Pillow

        resize, short = self.preprocess.resize, min(image.size)
        width, height = (max(resize, round(side * resize / short)) for side in image.size)
        left, top = max(0, (width - 2 * resize) // 2), max(0, (height - 2 * resize) // 2)
        box = (left, top, left + min(width, 2 * resize), top + min(height, 2 * resize))
        filter_ = Pillow.Resampling[self.preprocess.interpolation.upper()]
        return _tensor(image.resize((width, height), filter_).crop(box))


class OwnTransformFeed:
    """Images through a user's own transform, augmented (where asked) at the size they come in."""

    lengths: Sequence[int] | None = None

    def __init__(
        self, domain: Domain, preprocess: CallablePreprocess, *, augment: str, seed: int, cache_bytes: int
    ) -> None:
        self.labels, self.preprocess, self.seed = domain.labels, preprocess, seed
        # A name that is not there must not wait for the first batch; one that changes nothing asks for no picture.
        self.augment = None if find_augment(augment, 8) is None else augment
        make = self._transformed if self.augment is None else _tensor
        self.pictures = Pictures(domain, make, preprocess.decode_at_least, cache_bytes)

    def __len__(self) -> int:
        return len(self.pictures.domain)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        images = torch.stack([self._seen(epoch, int(row)) for row in rows])
        images = images.contiguous(memory_format=torch.channels_last)
        return Batch((images,), labels_at(self.labels, rows), torch.from_numpy(rows))

    def _seen(self, epoch: int, row: int) -> Tensor:
        from PIL import Image as Pillow

        if self.augment is None:
            return self.pictures[row]
        with seeded(self.seed, epoch, row):
            return self._transformed(Pillow.fromarray(self._changed(row).permute(1, 2, 0).numpy()))

    def picture(self, epoch: int, row: int) -> Tensor:
        """``uint8 (3, h, w)``: what the user's transform is given in ``epoch``."""
        if self.augment is None:
            return self.pictures[row]
        with seeded(self.seed, epoch, row):
            return self._changed(row)

    def _changed(self, row: int) -> Tensor:
        assert self.augment is not None
        picture = self.pictures[row]
        return _augment_at(self.augment, min(picture.shape[1:]))(picture)

    def _transformed(self, image: Image) -> Tensor:
        return torch.from_numpy(self.preprocess(image))


@lru_cache(maxsize=64)
def _augment_at(name: str, size: int) -> Callable[[Tensor], Tensor]:
    augment = find_augment(name, size)
    assert augment is not None
    return augment


def _tensor(image: Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
