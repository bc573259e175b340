"""Small domains and backbones that the tests of this layer share."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from transferium.data.domain import Domain
from transferium.data.samples import Files, Items
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.preprocess import ImagePreprocess

SMALL = ImagePreprocess(16, 16, "bilinear", (0.5,) * 3, (0.5,) * 3, 32)


def png(seed: int, side: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side[1], side[0], 3), np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def images(seeds: Sequence[int]) -> Domain:
    return Domain(Items([png(seed) for seed in seeds]), "image", [str(seed) for seed in seeds])


def image_files(folder: Path, count: int) -> Domain:
    """PNG files that are written where they are not there yet."""
    folder.mkdir(exist_ok=True)
    names = [f"{i}.png" for i in range(count)]
    for i, name in enumerate(names):
        if not (folder / name).exists():
            (folder / name).write_bytes(png(i))
    return Domain(Files(folder, names), "image", names)


def texts(lines: Sequence[str]) -> Domain:
    return Domain(Items(list(lines)), "text", [str(i) for i in range(len(lines))])


def tiny(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    layers = nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return find_backbone(nn.Sequential(*layers), "image", transform=SMALL)


def model_bytes(out: Path) -> dict[str, bytes]:
    """Every byte of both saved models, without the moment at which they were made and how its graph was checked."""
    found = {}
    for file in sorted(out.rglob("model.*")):
        raw = file.read_bytes()
        if file.suffix == ".json":
            told = json.loads(raw)
            del told["info"]["provenance"]["created"], told["seal"]
            told["files"].pop("backbone.json", None)  # it holds how far its graph was from torch on the first inputs
            raw = json.dumps(told).encode()
        found[str(file.relative_to(out))] = raw
    return found
