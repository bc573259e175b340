"""The result of fitting: a backbone, the head that reads it, and how they were chosen and trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.learned import Learned
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead
from transferium.selection.selection import Selection
from transferium.system.shown import Face, Shown

if TYPE_CHECKING:
    from transferium.training.preview import Contact


@dataclass(frozen=True)
class Threat:
    """How an adversary may move an example; ``eps`` None is that kind's default (see ``training.attack.attack_on``)."""

    kind: str
    eps: float | None = None
    steps: int = 7


@dataclass(frozen=True)
class Rival:
    """A model that a report sets beside a fitted one, fitted when it is asked for.

    ``decides`` is what it is called where the verdict is how much better the fitted one is than this, and ``asks`` what
    that says to have helped; of several such rivals the first decides. ``learned`` is what it learned from, where that
    may be other examples.
    """

    fit: Callable[[], Fitted]
    decides: str = ""
    asks: str = "transfer"
    learned: Learned | None = None


@dataclass(frozen=True, repr=False)
class Fitted(Shown):
    """A fitted model: a backbone (the given one or a tuned one), the head that reads it, and how they were made.

    ``oof_outputs`` are calibrated probabilities of the training examples, each from a model that never saw that
    example (None where a method has none; rows of NaN for examples that were never held out, their class being too
    small). ``history`` holds one flat record per step or epoch.
    ``attack`` is the attack under which its accuracy is measured too, where a method sets one. ``contact`` shows a few
    training examples beside what augmentation made of them, where there was any.
    ``beside`` holds the other models of a choice between several, by name, and ``rivals`` what it is compared with.
    """

    method: str
    backbone: Backbone
    head: AnyHead
    selection: Selection
    history: list[dict[str, Any]] = field(default_factory=list)
    oof_outputs: NDArray[np.float64] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    attack: Threat | None = None
    contact: Contact | None = None
    beside: Mapping[str, Fitted] = field(default_factory=dict)
    rivals: Mapping[str, Rival] = field(default_factory=dict)

    def face(self) -> Face:
        """The method, the backbone, and how the settings were chosen."""
        backbone = f"{self.backbone.name}{', tuned' if self.backbone.tuned else ''}"
        return Face(f"Fitted model: {self.method} on {backbone}", [("head", self.head.kind)], [f"{self.selection}."])
