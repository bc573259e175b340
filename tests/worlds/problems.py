"""One world for each kind of problem, whose labels the inputs decide up to a little noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.problems.classes import Classes
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Labels, Problem
from transferium.problems.regression import Regression
from worlds.toy import pictures

KINDS = ("classes", "multi-label", "regression")
"""The kinds of problem with one answer for a whole example."""


def posed(kind: str, facts: np.ndarray, seed: int = 0) -> tuple[Labels, Problem]:
    """Labels of one kind that ``facts (n, 2)`` decide: their quadrant, their two signs, or their sum around 100."""
    noisy = facts + 0.1 * np.random.default_rng(seed).normal(size=facts.shape)
    if kind == "regression":
        return 100 + 5 * noisy[:, 0] + 3 * noisy[:, 1], Regression()
    signs = (noisy > 0).astype(np.uint8)
    if kind == "multi-label":
        return signs, MultiLabel(("left", "up"), ";")
    return (signs @ [1, 2]).astype(np.int64), Classes(("a", "b", "c", "d"))


def rows(kind: str, n: int = 160, seed: int = 0) -> Domain:
    """Feature rows of eight, the first two of which decide the labels."""
    x = np.random.default_rng(seed).normal(size=(n, 8))
    labels, problem = posed(kind, x[:, :2], seed)
    return Domain(Rows(x), "features", [f"{seed}-{i}" for i in range(n)], labels, problem, name="rows")


def coloured(kind: str, n: int = 200, seed: int = 0) -> Domain:
    """The pictures of :func:`worlds.toy.pictures`; how red and how blue they are decides the labels."""
    plain = pictures(n, seed)
    means = np.stack([np.asarray(picture).reshape(-1, 3).mean(axis=0) for picture in plain.samples.items])
    labels, problem = posed(kind, ((means - means.mean(axis=0)) / means.std(axis=0))[:, [0, 2]], seed)
    return replace(plain, labels=labels, problem=problem)
