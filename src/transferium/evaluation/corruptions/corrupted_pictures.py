"""Common corruptions of pictures at five severities, in NumPy and Pillow.

Kinds and amounts are those of Hendrycks and Dietterich, Benchmarking neural network robustness to common corruptions
and perturbations, ICLR 2019, for pictures of about 224 pixels; the fog is made of a random fractal of its own kind.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""RGB ``(h, w, 3)`` from 0 to 1."""
Corruption = Callable[[Pixels, int, np.random.Generator], Pixels]
"""Pixels, a severity from 0 to 4, and the random stream of this picture."""
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
BLUR = (1, 2, 3, 4, 6)
BRIGHT = (0.1, 0.2, 0.3, 0.4, 0.5)
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
QUALITY = (25, 18, 15, 10, 7)
COARSE = (0.6, 0.5, 0.4, 0.3, 0.25)
FOG = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))


def gaussian_noise(x: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """Noise of every pixel and colour, as of a dark scene."""
    noisy: Pixels = x + np.float32(NOISE[severity]) * rng.standard_normal(x.shape, dtype=np.float32)
    return noisy


def blur(x: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Out of focus, by a Gaussian of that many pixels."""
    from PIL import ImageFilter

    return _pixels(_picture(x).filter(ImageFilter.GaussianBlur(BLUR[severity])))


def brightness(x: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """The value of hue, saturation and value raised."""
    value = x.max(axis=2, keepdims=True)
    raised = np.clip(value + BRIGHT[severity], 0, 1)
    scaled: Pixels = np.where(value > 0, x * raised / np.maximum(value, 1e-9), raised)
    return scaled


def contrast(x: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Every colour nearer to its mean over the picture."""
    mean = x.mean(axis=(0, 1), keepdims=True)
    flat: Pixels = (x - mean) * CONTRAST[severity] + mean
    return flat


def jpeg(x: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Stored as a JPEG of low quality."""
    from PIL import Image

    file = io.BytesIO()
    _picture(x).save(file, "JPEG", quality=QUALITY[severity])
    file.seek(0)
    return _pixels(Image.open(file).convert("RGB"))


def pixelate(x: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Reduced, and blown up again."""
    from PIL.Image import Resampling

    picture = _picture(x)
    small = tuple(max(1, int(side * COARSE[severity])) for side in picture.size)
    return _pixels(picture.resize(small, Resampling.BOX).resize(picture.size, Resampling.NEAREST))


def fog(x: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """Under a bright fractal that grows finer by octaves, each weaker than the last."""
    amount, decay = FOG[severity]
    top = float(x.max())
    bright = x + amount * _fractal(x.shape[0], x.shape[1], decay, rng)[..., None]
    foggy: Pixels = (bright * (top / (top + amount))).astype(np.float32)
    return foggy


PICTURES: dict[str, Corruption] = {
    "gaussian noise": gaussian_noise,
    "blur": blur,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "pixelate": pixelate,
    "jpeg": jpeg,
}


def corrupted(picture: Any, name: str, severity: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """An RGB picture with one corruption at a severity from 1 to 5, as ``uint8 (h, w, 3)``.

    >>> grey = np.full((8, 8, 3), 128, np.uint8)
    >>> int(corrupted(grey, "brightness", 5, np.random.default_rng(0)).min())
    255
    """
    return _bytes(PICTURES[name](np.asarray(picture, np.float32) / np.float32(255), severity - 1, rng))


def _bytes(x: Pixels) -> NDArray[np.uint8]:
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)


def _picture(x: Pixels) -> Any:
    from PIL import Image

    return Image.fromarray(_bytes(x))


def _pixels(picture: Any) -> Pixels:
    pixels: Pixels = np.asarray(picture, np.float32) / np.float32(255)
    return pixels


def _fractal(height: int, width: int, decay: float, rng: np.random.Generator) -> Pixels:
    """Random grids of 2, 4, 8 … cells, smoothly enlarged and summed; from 0 to 1."""
    from PIL import Image

    made, weight, cells = np.zeros((height, width), np.float32), 1.0, 2
    while cells <= max(height, width):
        grid = Image.fromarray(rng.random((cells + 1, cells + 1)).astype(np.float32))
        made += weight * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
        weight, cells = weight / decay, 2 * cells
    made -= made.min()
    scaled: Pixels = made / max(float(made.max()), 1e-9)
    return scaled
