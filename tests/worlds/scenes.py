"""A small world of scenes: bright squares and dark discs on noise, in folders as annotators write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from transferium.data.domain import Domain

SIDE = 96
Box = tuple[str, int, int, int, int]
"""A class, then left, top, right and bottom in pixels."""


def scene(seed: int) -> tuple[np.ndarray, list[Box]]:
    """A picture ``(96, 96, 3)`` with a square, a disc, or both; every eighth has neither."""
    draw = np.random.default_rng(seed)
    picture = draw.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
    boxes: list[Box] = []
    for place, kind in enumerate(("square", "disc")):
        if seed % 8 == 7 or (seed + place) % 3 == 0:
            continue
        side, left = int(draw.integers(30, 44)), 48 * place
        x, y = left + int(draw.integers(0, 48 - side + 1)), int(draw.integers(0, SIDE - side))
        down, across = np.mgrid[:side, :side] - (side - 1) / 2
        inside = np.ones((side, side), bool) if kind == "square" else down**2 + across**2 <= (side / 2) ** 2
        picture[y : y + side, x : x + side][inside] = (250, 220, 40) if kind == "square" else (20, 30, 160)
        boxes.append((kind, x, y, x + side, y + side))
    return picture, boxes


def xml(name: str, boxes: Sequence[Box], sides: tuple[int, int] = (SIDE, SIDE)) -> str:
    """An annotation of Pascal VOC."""
    things = "".join(
        f"<object><name>{kind}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
        "</object>"
        for kind, a, b, c, d in boxes
    )
    size = f"<size><width>{sides[0]}</width><height>{sides[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{things}</annotation>"


def write_scenes(folder: Path, count: int, start: int = 0) -> Path:
    """``images/`` and ``annotations/`` of ``count`` scenes."""
    from PIL import Image

    for inner in ("images", "annotations"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    for seed in range(start, start + count):
        picture, boxes = scene(seed)
        Image.fromarray(picture).save(folder / "images" / f"{seed:03}.png")
        (folder / "annotations" / f"{seed:03}.xml").write_text(xml(f"{seed:03}.png", boxes))
    return folder


def scenes(count: int, start: int = 0) -> Domain:
    """The same in memory."""
    from transferium.data.read import read

    made = [scene(seed) for seed in range(start, start + count)]
    cells = [[{"label": kind, "box": list(box)} for kind, *box in boxes] for _, boxes in made]
    return read([picture for picture, _ in made], label=cells, problem="boxes")
