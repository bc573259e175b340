"""Everything that a fine-tuning needs before its first stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferium.errors import InputError
from transferium.methods.holdout import HeldOut
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.training.feeds.feeds import Feeds
    from transferium.training.loop.objective import Objective

Term = tuple[float, "Callable[[], Objective]"]
"""The weight of a term that a method adds to the supervised loss, and what builds the term."""


@dataclass(frozen=True, eq=False)
class FineTuneSetup:
    """The task, the backbone it starts from, the training and held-out examples, the model, and how data is read."""

    task: Task
    backbone: Backbone
    parts: HeldOut
    model: Model
    feeds: Feeds

    def require_moving(self, method: str, unfreeze: int | str) -> None:
        """Raise ``InputError`` where nothing of the backbone moves, so that there is nothing to hold back."""
        if not any(p.requires_grad for p in self.model.backbone.parameters()):
            raise InputError(
                f"{method} holds the backbone back, and unfreeze={unfreeze!r} moves nothing of it: unfreeze a block, "
                "as in unfreeze=1, or use finetune."
            )
