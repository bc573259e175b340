"""Preprocessing of scenes: the whole picture in a square, as it is or as a view of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.errors import InputError
from transferium.functional.boxes.views import WHOLE, Window
from transferium.models.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from PIL import Image

STRIDE = 32
"""Pixels between two places of a backbone's coarsest map."""


@dataclass(frozen=True)
class ScenePreprocess(ImagePreprocess):
    """The part ``window`` of a picture, squeezed into a square of ``size``, mirrored left to right if ``mirrored``.

    ``window`` is left, top, right and bottom as shares of the sides: the whole picture, or a view to learn from. What
    lies outside of the picture is grey.
    """

    window: Window = WHOLE
    mirrored: bool = False
    kind: ClassVar[str] = "scene"

    @classmethod
    def like_images(cls, images: ImagePreprocess, size: int) -> ScenePreprocess:
        """As a backbone for images scales and normalises, with the whole picture in the square."""
        return cls(size, size, "bilinear", images.mean, images.std, decode_at_least=size, crop="squash")

    def check(self) -> None:
        super().check()
        if self.size % STRIDE or len(self.window) != 4 or not np.isfinite(self.window).all():
            raise ValueError(f"a side of {self.size} and a window of {self.window}")
        if not (self.window[0] < self.window[2] and self.window[1] < self.window[3]):
            raise ValueError(f"a window of {self.window}")

    def seen(self, window: Window, *, mirrored: bool) -> ScenePreprocess:
        """The same of another part of each picture."""
        return replace(self, window=window, mirrored=mirrored)

    @property
    def geometry(self) -> tuple[Any, ...]:
        return *super().geometry, self.window, self.mirrored

    def cut(self, image: Image.Image) -> Image.Image:
        from PIL import Image as Pillow
        from PIL import ImageOps

        side, width, height = self.size * self.via, *image.size
        left, top, right, bottom = self.window
        inside = (max(left, 0.0), max(top, 0.0), min(right, 1.0), min(bottom, 1.0))
        place = [
            round(side * (one - start) / (end - start))
            for one, start, end in zip(inside, (left, top) * 2, (right, bottom) * 2, strict=True)
        ]
        box = (inside[0] * width, inside[1] * height, inside[2] * width, inside[3] * height)
        filled = Pillow.new("RGB", (side, side), tuple(round(255 * mean) for mean in self.mean))
        size = (max(1, place[2] - place[0]), max(1, place[3] - place[1]))
        filled.paste(image.resize(size, Pillow.Resampling[self.interpolation.upper()], box=box), (place[0], place[1]))
        return ImageOps.mirror(filled) if self.mirrored else filled

    def resized(self, size: int) -> ScenePreprocess:
        if size < STRIDE or size > 2048 or size % STRIDE:
            raise InputError(f"size={size} of a scene: give a multiple of {STRIDE} pixels, from {STRIDE} to 2048.")
        return replace(self, size=size, resize=size, decode_at_least=size)

    def cheaper(self) -> ScenePreprocess:
        """Itself: at half the side there is a quarter of the places, and small things are not seen."""
        return self
