"""Sources and targets whose right answer is known: moved clusters, other class shares, lines through noise."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from scipy.linalg import hadamard

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.problems.classes import Classes


def table(x: np.ndarray, y: np.ndarray | None, name: str, classes: str = "abc") -> Domain:
    ids = [f"{name}-{i}" for i in range(len(x))]
    rows = Rows(x.astype(np.float32))
    return Domain(rows, "features", ids, y, Classes(tuple(classes) if y is not None else ()), name=name)


def clusters(n: int, seed: int, *, turn: float = 0.0, shift: float = 0.0, shares: tuple[float, ...] = (1 / 3,) * 3):
    """Three clusters on a circle in eight dimensions; ``turn`` (radians) moves each along it, ``shift`` all off it."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=shares)
    x = rng.normal(size=(n, 8))
    angle = 2 * np.pi * y / 3 + turn
    x[:, 0] += 4.0 * np.cos(angle)
    x[:, 1] += 4.0 * np.sin(angle)
    x[:, 5] += shift
    return x, y


def spread_alike(x: np.ndarray) -> np.ndarray:
    """The same eight columns turned, so that all have nearly one spread and a scale for each changes little."""
    return x @ hadamard(8) / np.sqrt(8)


def lines(n: int, seed: int, *, shift: float = 0.0, scale: float = 1.0):
    """Two classes on either side of a plane through one cloud: classes that are no clusters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    y = (x[:, 0] > 0).astype(np.int64)
    x[:, 2] += 9.0 * rng.integers(0, 2, n)  # what does cluster has nothing to do with the classes
    x[:, 0] = scale * x[:, 0] + shift
    return x, y


def write_table(path: Path, x: np.ndarray, y: np.ndarray | None) -> Path:
    """A CSV file of feature rows, and of their labels where they are given."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"f{i}" for i in range(x.shape[1])), *(["label"] if y is not None else [])])
        for i, row in enumerate(x):
            writer.writerow([*map(repr, row.tolist()), *(["abc"[y[i]]] if y is not None else [])])
    return path


def amounts_with_gaps() -> tuple[np.ndarray, np.ndarray]:
    """Three columns of very different sizes, one with empty cells, and amounts that two of them nearly tell."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) * [1, 1e6, 1e-3]
    x[::7, 1] = np.nan
    return x, 1e5 * (x[:, 0] + 1e3 * x[:, 2] + rng.normal(size=60))
