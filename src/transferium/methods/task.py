"""The task: everything that a method may look at. Nothing here touches torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError, InputError, option
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Problem
from transferium.system.display import Progress

if TYPE_CHECKING:
    from transferium.embedding.embed import Embedder


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A finished model that replaces a source: a head that reads ``task.backbone``, its name and its fingerprint.

    ``fingerprint`` is that of backbone, head and class names together.
    """

    head: AnyHead
    name: str
    fingerprint: str


@dataclass
class Task:
    """Everything a method may look at. The test part is not here, so no method can.

    Training examples with the same ``groups[i]`` must stay in one fold; ``val`` may stop or choose. ``progress`` is
    called with (what, done, total); ``workdir`` is where a method that can be interrupted keeps its state, written
    after every ``checkpoint_steps`` steps, or by the clock where that is None; ``track`` names the trackers that get
    its steps. ``part`` says that these are some of another task's examples (``on``): no advice on settings is given.

    In domain adaptation ``train`` is the labelled source and ``unlabeled`` holds the target's inputs, without labels by
    type; ``target`` holds the few labelled target examples there may be, and ``sources[i]`` says which of several
    sources training example ``i`` came from. Where a finished ``model`` is all there is of the source, ``train`` holds
    its classes and no examples, and ``backbone`` is the model's.
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
    unlabeled: Domain | None = None
    target: Domain | None = None
    sources: NDArray[np.int64] | None = None
    model: SourceModel | None = None
    track: tuple[str, ...] = ()
    part: bool = False

    def __post_init__(self) -> None:
        if self.unlabeled is not None and self.unlabeled.labels is not None:
            raise DataError(
                f"the unlabelled target {self.unlabeled.name!r} carries labels, which no method may see: "
                "give target.unlabeled()."
            )
        if self.target is not None and self.target.labels is None:
            raise DataError(f"task.target holds labelled target examples; {self.target.name!r} has no labels.")
        if self.target is not None and self.target.problem != self.train.problem:
            raise DataError(
                f"the labelled target {self.target.name!r} has classes {self.target.classes}, the source "
                f"{self.train.classes}: number both alike."
            )

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

    def on(self, at: NDArray[np.intp]) -> Task:
        """The task on some of its training examples (a fold, a sample), without progress, trackers or a saved state."""
        groups, sources = (None if column is None else column[at] for column in (self.groups, self.sources))
        alone = replace(self, workdir=None, progress=None, track=(), part=True)
        return replace(alone, train=self.train.take(at), groups=groups, sources=sources)

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


def target_inputs(method: str, task: Task) -> Domain:
    """``task.unlabeled`` as features of the task's frozen backbone; raises ``InputError`` where there is no target."""
    if task.unlabeled is None:
        raise InputError(
            f"method {method!r} adapts a source to a target, and there is no target. Name the labelled data with "
            f"{option('source')} and give the target's inputs as the data."
        )
    return task.embed(task.unlabeled)
