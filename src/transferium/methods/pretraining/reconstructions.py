"""A picture of what a denoising auto-encoder makes: examples, their noisy versions, and what it draws from these."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferium.data.domain import Domain
from transferium.models.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from transferium.models.model import Model

FILE = "reconstructions.png"
SHOWN, LEAST_SIDE = 10, 56


def write_reconstructions(
    model: Model, held: Domain, preprocess: ImagePreprocess, noise: str, strength: float, path: Path
) -> None:
    """A grid of three rows: held-out pictures, with noise, and drawn from that."""
    import torch
    from PIL import Image

    from transferium.objectives.self_supervised.denoising import corrupted
    from transferium.training.feeds.feeds import Feeds

    rows = np.arange(min(SHOWN, len(held)))
    (x,) = Feeds(preprocess).open(held.take(rows), augmented=False).batch(0, rows).inputs
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        noisy = corrupted(x, noise, strength)
        drawn = model.cpu().eval()(noisy)
    lines = [torch.cat(list(line), dim=2) for line in (x, noisy, drawn)]
    grid = torch.cat(lines, dim=1).permute(1, 2, 0).numpy()
    pixels = np.clip((grid * np.array(preprocess.std) + np.array(preprocess.mean)) * 255, 0, 255).astype(np.uint8)
    times = max(1, LEAST_SIDE // preprocess.size)
    Image.fromarray(pixels.repeat(times, 0).repeat(times, 1)).save(path)
