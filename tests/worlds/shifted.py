"""Pairs of domains whose difference is known, as tasks for methods that adapt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.fitted import Fitted
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes

WIDTH = 8
NOISE = np.array([0.6, 1.0, 1.5, 0.3, 0.8, 0.8, 0.8, 0.8])


@dataclass(frozen=True)
class World:
    """``truth`` is only ever used to score."""

    source: np.ndarray
    labels: np.ndarray
    target: np.ndarray
    truth: np.ndarray

    def task(self, seed: int = 0, **change: object) -> AdaptationTask:
        """The task that a method is given."""
        train = rows(self.source, self.labels, "source")
        backbone = replace(find_backbone(None, "features"), width=self.source.shape[1])
        task = AdaptationTask(train, None, backbone, Embedder(None), seed, unlabeled=rows(self.target, None, "target"))
        return replace(task, **change)

    def score(self, fitted: Fitted) -> float:
        """Accuracy on the target."""
        return float((fitted.head.predict(self.target) == self.truth).mean())


def rows(x: np.ndarray, y: np.ndarray | None, name: str) -> Domain:
    ids = [f"{name} {i}" for i in range(len(x))]
    classes = () if y is None else ("a", "b", "c")[: int(y.max()) + 1]
    return Domain(Rows(x.astype(np.float32)), "features", ids, y, Classes(classes), name=name)


def clouds(n: int, seed: int, shares: tuple[float, ...] = (0.5, 0.5)) -> tuple[np.ndarray, np.ndarray]:
    """Two classes four units apart along the first axis, under unequal noise."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n, p=shares)
    x = rng.normal(size=(n, WIDTH)) * NOISE
    x[:, 0] += 2.0 * (2 * y - 1)
    return x, y


def world(
    change: Callable[[np.ndarray, np.ndarray], np.ndarray], shares: tuple[float, float] = (0.5, 0.5), seed: int = 0
) -> World:
    x, y = clouds(240, seed)
    z, truth = clouds(220, seed + 100, shares)
    return World(x, y, change(z, truth), truth)


def shortcut(n: int = 240) -> World:
    """Two features tell the classes apart, the second better; in the target the second, and only it, has moved."""
    rng = np.random.default_rng(8)
    made = []
    for move in (0.0, 4.0):
        y = rng.integers(0, 2, n)
        x = rng.normal(size=(n, WIDTH)) * 0.8
        x[:, :2] = rng.normal(size=(n, 2)) * [0.5, 0.4] + np.outer(2 * y - 1, [1.5, 1.5]) + [0.0, move]
        made.append((x, y))
    (x, y), (z, truth) = made
    return World(x, y, z, truth)


AXIS = np.eye(WIDTH)[0]
TURN = np.eye(WIDTH)
TURN[:2, :2] = [[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]]
SAME = world(lambda z, _: z)
SHIFTED = world(lambda z, _: z + 1.8 * AXIS)
FAR = world(lambda z, _: z + 5 * AXIS)
SCALED = world(lambda z, _: z * [3.0, 0.2, 1, 1, 1, 1, 1, 1] + 4 * AXIS)
TURNED = world(lambda z, _: z @ TURN)
FLIPPED = world(lambda z, _: -z)
UNEQUAL = world(lambda z, _: z, shares=(0.05, 0.95))
SHORTCUT = shortcut()


def covariate(n: int = 400) -> World:
    """``y`` is a curve in ``x``; the domains see different stretches of it, and a straight line must choose one."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(-0.5, 1.0, size=(n, 1)), rng.normal(1.5, 0.5, size=(n, 1))

    def label(v: np.ndarray) -> np.ndarray:
        return ((v[:, 0] > -0.5) & (v[:, 0] < 1.5)).astype(np.int64)

    return World(x, label(x), z, label(z))


def close(shares: tuple[float, float], n: int = 700) -> World:
    """Two classes that overlap, equally frequent in the source and not in the target."""
    made = []
    for seed, p in enumerate([(0.5, 0.5), shares]):
        rng = np.random.default_rng(seed)
        y = rng.choice(2, n, p=p)
        made.append((rng.normal(size=(n, 2)) + 0.8 * (2 * y[:, None] - 1), y))
    (x, y), (z, truth) = made
    return World(x, y, z, truth)


COVARIATE = covariate()
RARE = close((0.05, 0.95))
