"""Images: decoded once, kept as uint8, augmented reproducibly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from transferium.data.decode import UnreadableImage, decode
from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.models.preprocess import ImagePreprocess
from transferium.training.augment import find_augment, seeded
from transferium.training.batch import Batch
from transferium.training.order import Indices


class ImageFeed:
    """Batches ``float32 (n, 3, size, size)`` in channels-last layout.

    Without augmentation an image is exactly what the backbone's preprocessing makes of it (to 1e-6). With it, the image
    is resized to the preprocessing's shorter side, at most twice as long as wide, and the preset draws its crop from a
    generator seeded by (seed, epoch, position), so that neither workers nor interruptions change it.
    The first ``cache_bytes`` of decoded pixels stay in memory; the rest is decoded whenever it is asked for.
    """

    lengths: Sequence[int] | None = None

    def __init__(
        self, domain: Domain, preprocess: ImagePreprocess, *, augment: str, seed: int, cache_bytes: int
    ) -> None:
        self.domain, self.preprocess, self.seed = domain, preprocess, seed
        self.augment = find_augment(augment, preprocess.size)
        self.mean = torch.tensor(preprocess.mean).view(3, 1, 1)
        self.std = torch.tensor(preprocess.std).view(3, 1, 1)
        self.cache: dict[int, Tensor] = {}
        self._fill(cache_bytes)

    def __len__(self) -> int:
        return len(self.domain)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        pixels = torch.stack([self._seen(epoch, int(row)) for row in rows])
        images = ((pixels.float() / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        labels = None if self.domain.labels is None else torch.from_numpy(self.domain.labels[rows])
        return Batch((images,), labels, torch.from_numpy(rows))

    def _seen(self, epoch: int, row: int) -> Tensor:
        cached = self.cache.get(row)
        pixels = self._decode(row) if cached is None else cached
        if self.augment is None:
            return pixels
        with seeded(self.seed, epoch, row):
            return self.augment(pixels)

    def _fill(self, cache_bytes: int) -> None:
        left = cache_bytes
        chunk = 256
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(self.domain), chunk):
                rows = range(start, min(start + chunk, len(self.domain)))
                for row, pixels in zip(rows, pool.map(self._decode, rows), strict=True):
                    left -= pixels.nbytes
                    if left < 0:
                        return
                    self.cache[row] = pixels

    def _decode(self, row: int) -> Tensor:
        try:
            image = decode(self.domain.samples.raw(row), at_least=self.preprocess.decode_at_least)
        except (UnreadableImage, OSError) as error:
            raise DataError(
                f"image {self.domain.ids[row]!r} cannot be trained on: {error}. Inspect the data first; "
                "unreadable files are set aside there."
            ) from error
        if self.augment is None:
            return self._exact(self.preprocess(image))
        return self._roomy(image)

    def _exact(self, values: np.ndarray) -> Tensor:
        # Preprocessing starts from whole numbers, so that its inverse can be rounded back to them.
        return ((torch.from_numpy(values) * self.std + self.mean) * 255).round().clamp(0, 255).to(torch.uint8)

    def _roomy(self, image: object) -> Tensor:
        from PIL import Image

        assert isinstance(image, Image.Image)
        resize, short = self.preprocess.resize, min(image.size)
        width, height = (max(round(side * resize / short), resize) for side in image.size)
        image = image.resize((width, height), Image.Resampling[self.preprocess.interpolation.upper()])
        longest = 2 * resize
        left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
        image = image.crop((left, top, left + min(width, longest), top + min(height, longest)))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
