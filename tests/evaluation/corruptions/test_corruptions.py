"""Corruptions of every kind: the same for the same seed, worse by severity, and what they say they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.evaluation.corruptions.corrupted_pictures import PICTURES, corrupted
from transferium.evaluation.corruptions.corruptions import CORRUPTIONS, SEVERITIES
from transferium.models.catalogue import find_backbone

RNG = np.random.default_rng(0)
SCENE = np.clip(
    128 + 60 * np.sin(np.add.outer(np.arange(96), 2 * np.arange(120)) / 9)[..., None] + RNG.normal(0, 12, (96, 120, 3)),
    0,
    255,
).astype(np.uint8)
TEXT = "the quick brown fox jumps over the lazy dog and runs away from the angry farmer " * 6


def domain_of(kind: str) -> Domain:
    if kind == "image":
        return tm.read([SCENE, SCENE[::-1]])
    if kind == "text":
        return tm.read([TEXT, TEXT[::-1]])
    if kind == "sound":
        wave = np.sin(np.arange(8000) / 20).astype(np.float32) / 2
        return tm.read([(wave, 8000), (wave / 2, 8000)], kind="sound")
    rows = np.random.default_rng(1).normal(size=(200, 3))
    return tm.read(rows, kind="features" if kind == "features" else None)


def far(kind: str, a: Domain, b: Domain) -> float:
    """How far corrupted examples are from the others."""
    if kind in ("row", "features"):
        one, two = ((d.samples.numbers() if isinstance(d.samples, Table) else d.features) for d in (a, b))
        return float(np.isnan(one).mean() + np.nanmean(np.abs(one - two)))
    pairs = [(a.samples.raw(i), b.samples.raw(i)) for i in range(len(a))]
    if kind == "text":
        return sum(x.upper() == x for x, _ in pairs) + sum(x != y for x, y in pairs) + sum(_changed(*p) for p in pairs)
    arrays = [tuple(np.asarray(x[0] if kind == "sound" else x, np.float64) for x in pair) for pair in pairs]
    return float(sum(np.square(x - y).mean() for x, y in arrays))


def alike(_kind: str, a: Domain, b: Domain) -> float:
    """1 less the correlation of the pixels: fog also makes a picture brighter, less so where it is thick."""
    pairs = [[d.samples.raw(i).ravel().astype(float) for d in (a, b)] for i in range(len(a))]
    return sum(1 - float(np.corrcoef(*pair)[0, 1]) for pair in pairs)


def _changed(x: str, y: str) -> float:
    return sum(a != b for a, b in zip(x, y, strict=False)) + abs(len(x) - len(y))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, own in CORRUPTIONS.items() for name in own.names])
def test_each_is_worse_at_its_worst_and_the_same_for_the_same_seed(kind: Any, name: str) -> None:
    own = CORRUPTIONS[kind]
    backbone = find_backbone(None, kind)
    ready = own.ready(domain_of(kind), backbone)
    mild, worst, again = (own.corrupt(ready, name, s, 0) for s in (SEVERITIES[0], SEVERITIES[-1], SEVERITIES[-1]))
    assert len(worst) == len(ready)
    assert worst.keys is None or worst.keys == again.keys != mild.keys
    distance = alike if name == "fog" else far
    assert 0 < distance(kind, mild, ready) < distance(kind, worst, ready), (kind, name)
    for i in range(len(worst)):
        a, b = worst.samples.raw(i), again.samples.raw(i)
        np.testing.assert_array_equal(a[0] if kind == "sound" else a, b[0] if kind == "sound" else b)


def test_pictures_are_corrupted_as_the_paper_says() -> None:
    rng = np.random.default_rng(0)
    x = SCENE.astype(np.float64) / 255
    flat = corrupted(SCENE, "contrast", 1, rng) / 255.0
    np.testing.assert_allclose(flat, (x - x.mean((0, 1))) * 0.4 + x.mean((0, 1)), atol=1 / 255)
    grey = np.full((64, 64, 3), 128, np.uint8)
    noise = corrupted(grey, "gaussian noise", 1, rng) / 255.0 - 128 / 255
    assert noise.std() == pytest.approx(0.08, rel=0.05)
    assert corrupted(grey, "brightness", 2, rng)[0, 0, 0] == pytest.approx(128 + 51, abs=1)
    blocks = corrupted(SCENE, "pixelate", 5, rng)
    assert len(np.unique(blocks[:, :, 0])) <= 24 * 30 and (np.diff(blocks[:, :, 0], axis=1) == 0).mean() > 0.5
    assert set(PICTURES) == set(CORRUPTIONS["image"].names)


def test_pictures_are_brought_to_the_size_that_is_read_first() -> None:
    big = tm.read([np.repeat(np.repeat(SCENE, 8, axis=0), 8, axis=1)])
    ready = CORRUPTIONS["image"].ready(big, find_backbone("efficientnet_lite0", "image", size=64))
    assert ready.samples.raw(0).shape == (73, 91, 3)
