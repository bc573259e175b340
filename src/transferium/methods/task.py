"""The task: everything that a method may look at. Nothing here touches torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, row_blocks
from transferium.errors import DataError
from transferium.models.backbone import Backbone
from transferium.problems.problem import Problem
from transferium.system.display import Progress

if TYPE_CHECKING:
    from typing_extensions import Self

    from transferium.embedding.embed import Embedder


@dataclass
class Task:
    """Everything a method may look at. The test part is not here, so no method can.

    Training examples with the same ``groups[i]`` must stay in one fold; ``val`` may stop or choose. ``progress`` is
    called with (what, done, total); ``workdir`` is where a method that can be interrupted keeps its state, written
    after every ``checkpoint_steps`` steps, or by the clock where that is None; ``track`` names the trackers that get
    its steps. ``part`` says that these are some of another task's examples (``on``): no advice on settings is given.
    A ``backbone`` that is to be fitted to data first, as that of tables is, is fitted to the training part.
    """

    train: Domain
    val: Domain | None
    backbone: Backbone
    embedder: Embedder
    seed: int
    groups: NDArray[np.int64] | None = None
    workdir: Path | None = None
    checkpoint_steps: int | None = None
    progress: Progress | None = None
    budget_s: float | None = None
    track: tuple[str, ...] = ()
    part: bool = False

    def __post_init__(self) -> None:
        if len(self.train):
            self.backbone = self.embedder.fitted(self.backbone, self.train)

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how much of some work is done, where anybody listens."""
        if self.progress is not None:
            self.progress(what, done, total)

    @property
    def problem(self) -> Problem:
        """What is predicted."""
        return self.train.posed

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.train.classes)

    def on(self, at: NDArray[np.intp]) -> Self:
        """The task on some of its training examples (a fold, a sample), without progress, trackers or a saved state."""
        groups = None if self.groups is None else self.groups[at]
        alone = replace(self, workdir=None, progress=None, track=(), part=True)
        return replace(alone, train=self.train.take(at), groups=groups)

    def embed(self, domain: Domain, backbone: Backbone | None = None) -> Domain:
        """``domain`` seen through ``backbone`` (the task's own when None): the same examples as feature rows.

        Raises ``DataError`` when an example cannot be read: the main job puts such examples aside before any method
        sees them.
        """
        seen = self.embedder(domain, backbone or self.backbone)[0]
        if not seen.ok.all():
            bad = int(np.flatnonzero(~seen.ok)[0])
            reason = seen.problems.get(bad, "it cannot be read")
            raise DataError(
                f"{int((~seen.ok).sum())} of {len(domain)} examples of {domain.name!r} cannot be embedded; "
                f"the first is {domain.ids[bad]!r}: {reason}. Leave them out."
            )
        return domain.embedded(seen.features)

    def blocks(self, domain: Domain, backbone: Backbone | None = None) -> Iterator[Domain]:
        """``embed``, a few rows of a table at a time: the numbers of a large one are never in memory together."""
        for block in row_blocks(domain):
            yield self.embed(block, backbone)
