"""The state of an adaptation while it trains: the network, its streams, and its notes."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from torch import nn

    from transferium.data.domain import Domain
    from transferium.methods.holdout import HeldOut
    from transferium.models.heads.bottleneck import Standardised
    from transferium.models.model import Model
    from transferium.training.feeds.feeds import Feeds


@dataclass(eq=False)
class AdaptationState:
    """A network during an adaptation: its parts, what it reads, and where it started.

    ``tuned`` is the backbone inside the model where it moves, None where features were embedded once.
    ``width`` features are what the last layer, and every critic, reads.
    ``at_source`` reads source rows where the adapted model no longer should. ``each`` says that every domain is
    normalised by its own statistics, and ``own`` holds the target's over a frozen backbone.
    Where it began as a finished model, there is no source in ``streams``, nothing is held out, and ``temperature`` is
    that model's; ``given`` is its fingerprint.
    """

    model: Model
    encoder: nn.Sequential
    tuned: nn.Module | None
    backbone: Backbone
    feeds: Feeds
    streams: dict[str, Domain]
    width: int
    names: tuple[str, ...]
    parts: HeldOut | None = None
    held: Domain | None = None
    temperature: float | None = None
    given: str | None = None
    notes: list[str] = field(default_factory=list)
    at_source: Model | None = None
    each: bool = False
    own: Standardised | None = None

    @property
    def classes(self) -> int:
        """The number of classes of the last layer."""
        return len(self.names)

    def leave_source(self) -> None:
        """From here on the model is the target's; where there are source rows, a copy goes on reading them."""
        if "source" in self.streams:
            self.at_source = copy.deepcopy(self.model)
