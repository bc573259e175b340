"""What a fine-tuning stands on before its first stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferium.methods.holdout import HeldOut
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.training.feeds.feeds import Feeds


@dataclass(frozen=True, eq=False)
class FineTuneSetup:
    """The task, the backbone it starts from, who is trained on and looked at, the model, and how data is read."""

    task: Task
    backbone: Backbone
    parts: HeldOut
    model: Model
    feeds: Feeds
