"""Class folders of images come sorted by class: neither their names nor their order may reach a model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.job.adapt.run import adapt_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from worlds.domains import model_bytes, tiny
from worlds.images import write_images

SOURCE = {"amber": (200, 90, 60), "blue": (60, 90, 200), "cyan": (60, 200, 190)}
TARGET = {"amber": (160, 60, 40), "blue": (40, 60, 160), "cyan": (40, 150, 150)}


def copies(folder: Path, images: list[Path], names: dict[str, str] | None) -> Path:
    """The images in class folders of other ``names``; without these in one folder, named by their contents."""
    for image in images:
        raw = image.read_bytes()
        flat = f"{hashlib.md5(raw).hexdigest()}.png"
        to = folder / flat if names is None else folder / names[image.parent.name] / image.name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(raw)
    return folder


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("auto", {"adaptations": ("prototypes",)}),
        ("dann", {"epochs": 1, "batch_size": 8}),
        ("adabn", {"tuning": "full", "epochs": 1, "batch_size": 8, "augment": "none"}),
    ],
)
def test_class_folders_of_the_target_change_no_byte_of_the_models(
    tmp_path: Path, method: str, settings: dict[str, Any]
) -> None:
    source = write_images(tmp_path / "s", SOURCE, 12)
    images = sorted(write_images(tmp_path / "t", TARGET, 9, seed=1).rglob("*.png"))
    targets = {
        "true": tmp_path / "t",
        "swapped": copies(tmp_path / "swapped", images, {"amber": "zinc", "blue": "amber", "cyan": "blue"}),
        "flat": copies(tmp_path / "flat", images, None),
    }
    backbone, told = tiny(), {}
    for name, folder in targets.items():
        asked = FitOptions(tmp_path / "run" / name, find_method(method, settings), backbone, command="fit")
        pair = pair_domains([read(source)], read(folder, name="t"))
        told[name] = adapt_job(pair, asked, Embedder(None, engine="torch"), Stopwatch())
    models = {name: model_bytes(tmp_path / "run" / name) for name in targets}
    assert len(models["true"]) == 4
    assert models["true"] == models["swapped"] == models["flat"]
    rows = (tmp_path / "run" / "true" / "predictions.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [
        [str(image.relative_to(tmp_path / "t")), image.parent.name] for image in images
    ], "what is predicted stays in the order of the files"
    assert told["flat"]["test"] == {} and np.isfinite(told["true"]["test"]["accuracy"]["value"])
