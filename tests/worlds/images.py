"""Small data made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, colours: dict[str, tuple[int, int, int]], count: int, seed: int = 0) -> Path:
    """Class folders of noisy images around one colour a class."""
    rng = np.random.default_rng(seed)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = np.clip(rng.normal(colour, 40, (40, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:03d}.png")
    return folder


RED_GREEN = {"red": (200, 60, 60), "green": (60, 200, 60)}
