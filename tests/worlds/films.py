"""Films whose rating hangs on their poster, their title, their year and on nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

TITLES = (("grief", "mourning", "a sad funeral"), ("jokes", "laughter", "a funny party"))
COLOURS = ((40, 40, 200), (200, 40, 40))
HEADER = ("poster", "title", "year", "studio", "rating")


def write_films(folder: Path, n: int = 80, seed: int = 0, gaps: bool = True) -> Path:
    """``films.csv`` and its posters; with ``gaps`` some posters and titles are missing, or no pictures at all."""
    draw = np.random.default_rng(seed)
    (folder / "posters").mkdir(parents=True)
    rows = []
    for i in range(n):
        red, funny, year = draw.integers(2), draw.integers(2), 1950 + int(draw.integers(70))
        pixels = np.clip(draw.normal(COLOURS[red], 30, (24, 24, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "posters" / f"{i}.png")
        rating = 3 * red + 2 * funny + (year - 1985) / 20 + draw.normal(0, 0.2)
        title = f"{draw.choice(TITLES[funny])} {i}"
        rows.append([f"posters/{i}.png", title, year, draw.choice(["A", "B"]), f"{rating:.3f}"])
    if gaps:
        rows[3][0], rows[5][0], rows[9][1] = "", "posters/gone.png", ""
        (folder / "posters" / "7.png").write_bytes(b"")
    with (folder / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return folder / "films.csv"
