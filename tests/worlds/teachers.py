"""A teacher of the toy pictures that needs no file, and the student that asks it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferium.artifact import Artifact
from transferium.data.learned import Learned
from transferium.methods.distillation.distil import Distil
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from worlds.toy import picture_backbone

PICTURE_TEACHER = Artifact(
    picture_backbone(9),
    Head(20 * np.random.default_rng(3).normal(size=(2, 5)), np.zeros(2)),
    Classes(("a", "b")),
    {},
    Learned(),
)
"""Another network than the student's, with a head drawn at random: sure of what it says."""


@dataclass
class Pupil(Distil):
    """``Distil`` with a teacher that is there already."""

    def _load(self) -> Artifact:
        return PICTURE_TEACHER
