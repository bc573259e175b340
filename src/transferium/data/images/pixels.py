"""Conversion of arrays and of every Pillow mode to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_STRIP = 1 << 20
"""Pixels that are converted together."""
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


class UnreadableImage(DataError):  # noqa: N818  (it says what the image is, and every layer calls it so)
    """One image cannot be used; ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def to_rgb(image: Image) -> Image:
    """RGB whatever the mode; transparent pixels lie on white, 16-bit greys keep their scale.

    32-bit integers and floats have no agreed range and are stretched between their own extremes.
    """

    if image.mode in _DEEP:
        # Pillow's own conversion clips at 255, so that almost every 16-bit picture would come out white.
        return _in_strips(image, _grey_of(image))
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        return _in_strips(image, _on_white)
    return image if image.mode == "RGB" else image.convert("RGB")


def _in_strips(image: Image, convert: Callable[[Image], Image]) -> Image:
    """An RGB picture made strip by strip: beside it and the original, memory holds a few rows of both."""
    from PIL import Image as Pillow

    width, height = image.size
    made = Pillow.new("RGB", image.size)
    for top, bottom in _strips(width, height):
        made.paste(convert(image.crop((0, top, width, bottom))), (0, top))
    return made


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    step = max(1, _STRIP // max(1, width))
    return ((top, min(top + step, height)) for top in range(0, height, step))


def _on_white(strip: Image) -> Image:
    from PIL import Image as Pillow

    strip = strip.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", strip.size, "white"), strip)


def _grey_of(image: Image) -> Callable[[Image], Image]:
    """How strips of one picture of deep greys become 8-bit greys: by the type of its numbers, or by its extremes."""
    from PIL import Image as Pillow

    strips = (np.asarray(image.crop((0, top, image.width, bottom))) for top, bottom in _strips(*image.size))
    first = next(strips)
    if first.dtype.itemsize == 2:
        return lambda strip: Pillow.fromarray(_from_16_bits(np.asarray(strip)))
    extremes = [_extremes(rows) for rows in chain([first], strips)]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    if image.mode == "I" and low >= 0 and 255 < high <= 65535:
        return lambda strip: Pillow.fromarray(_from_16_bits(np.asarray(strip)))
    _refuse_nothing_finite(low)
    return lambda strip: Pillow.fromarray(_stretched(np.asarray(strip), low, high))


def image_from_array(array: NDArray[Any]) -> Image:
    """An ``(h, w)`` or ``(h, w, 1 | 3 | 4)`` array as a picture.

    8-bit integers are taken as they are, 16-bit ones divided by 257, booleans are black and white; floats in
    [0, 1] are multiplied by 255, other integers and floats in [0, 255] taken as they are, and anything wider
    is stretched between its own extremes. Raises ``UnreadableImage`` for other shapes, NaN and infinity.
    """
    from PIL import Image as Pillow

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        shape = " x ".join(map(str, array.shape))
        raise UnreadableImage(f"an array of shape {shape} is no image: give (h, w), (h, w, 3) or (h, w, 4)")
    return Pillow.fromarray(_to_8_bits(array))


def _to_8_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    plain: NDArray[np.uint8]
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        plain = np.ascontiguousarray(array)
        return plain
    if kind == "b":
        plain = array.astype(np.uint8) * np.uint8(255)
        return plain
    if array.dtype == np.uint16:
        return _from_16_bits(array)
    if kind not in "iuf":
        raise UnreadableImage(f"an array of type {array.dtype} is no image: give integers or floats")
    if kind == "f" and not np.isfinite(array).all():
        raise UnreadableImage("the array holds NaN or infinity")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        return _stretched(array, low, high)
    scale = 255.0 if kind == "f" and high <= 1 else 1.0
    return np.rint(array * scale).astype(np.uint8)


def _from_16_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return scaled


def _extremes(array: NDArray[Any]) -> tuple[float, float]:
    """The least and the greatest finite value; infinity and minus infinity where there is none."""
    finite = array[np.isfinite(array)].astype(np.float64)
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)


def _refuse_nothing_finite(low: float) -> None:
    if not np.isfinite(low):
        raise UnreadableImage("the image holds no finite value")


def _stretched(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    values = np.nan_to_num(array.astype(np.float64), nan=low, posinf=high, neginf=low)
    scaled: NDArray[np.float64] = (values - low) * (255 / (high - low) if high > low else 0.0)
    return np.rint(scaled).astype(np.uint8)
