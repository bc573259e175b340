"""How classes that are told in words answer: what reads an example, and a head for each template and for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.read import read
from transferium.functional.matrices import unit_rows
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.linear import Head
from transferium.models.prompting.cloze_backbone import cloze_backbone
from transferium.models.prompting.two_towers import two_towers

Said = Mapping[str, Sequence[str]]
"""Each label with its descriptions, in the order of the classes."""
Rows = NDArray[np.floating[Any]]
SCALE = 20.0
"""What a cosine is multiplied by to be a logit: the scale that sentence encoders are commonly trained with."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The backbone, the head of all templates together, those of each alone, and what to say of it."""

    backbone: Backbone
    together: Head
    alone: Mapping[str, Head]
    notes: tuple[str, ...] = ()


def by_cosine(task: Task, templates: Sequence[str], said: Said) -> Answers:
    """Directions of classes: the mean of their descriptions in every template, read by the task's own backbone."""

    def encode(texts: Sequence[str]) -> Rows:
        return task.embed(read(list(texts), kind="text", name="descriptions of labels")).features

    return _by_directions(task.backbone, encode, SCALE, templates, said)


def by_towers(task: Task, templates: Sequence[str], said: Said) -> Answers:
    """The same, read by the tower for texts that stands beside the backbone, at the scale that both were trained at."""
    towers = two_towers(task.backbone)
    return _by_directions(towers.pictures, towers.texts, towers.scale, templates, said)


def _by_directions(
    backbone: Backbone, encode: Callable[[Sequence[str]], Rows], scale: float, templates: Sequence[str], said: Said
) -> Answers:
    alone = {template: _directions(encode, template, list(said.values())) for template in templates}
    heads = {template: _cosines(rows, scale) for template, rows in alone.items()}
    return Answers(backbone, _cosines(np.mean(list(alone.values()), axis=0), scale), heads)


def _directions(
    encode: Callable[[Sequence[str]], Rows], template: str, said: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """The mean direction ``(classes, width)`` of each class's descriptions in one template."""
    rows = unit_rows(encode([template.replace("{}", text) for texts in said for text in texts]))
    ends = np.cumsum([len(texts) for texts in said])
    return unit_rows(np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])]))


def _cosines(directions: NDArray[np.float64], scale: float) -> CosineHead:
    return CosineHead(scale * unit_rows(directions), np.zeros(len(directions)))


def by_cloze(task: Task, templates: Sequence[str], said: Said) -> Answers:
    """Scores of classes: the log-probabilities of their words at the slot, the mean over templates."""
    cloze = cloze_backbone(task.backbone, templates, said)
    heads = {name: mean_of_templates(len(templates), len(said), only=t) for t, name in enumerate(templates)}
    return Answers(cloze.backbone, mean_of_templates(len(templates), len(said)), heads, cloze.notes)


def mean_of_templates(templates: int, classes: int, only: int | None = None) -> Head:
    """The head that takes the mean of the scores of several templates, or those of one.

    >>> mean_of_templates(2, 2).weight.tolist()
    [[0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]]
    """
    share = np.full(templates, 1 / templates) if only is None else np.eye(templates)[only]
    return Head(np.kron(share, np.eye(classes)), np.zeros(classes))
