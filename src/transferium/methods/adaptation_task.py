"""The task of domain adaptation: a labelled source, and a target without labels."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.heads.base import AnyHead

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A finished model that replaces a source: a head that reads ``task.backbone``, its name and its fingerprint.

    ``fingerprint`` is that of backbone, head and class names together.
    """

    head: AnyHead
    name: str
    fingerprint: str


@dataclass
class AdaptationTask(Task):
    """A task whose ``train`` is the labelled source; ``unlabeled`` holds the target's inputs, without labels by type.

    ``target`` holds the few labelled target examples there may be, and ``sources[i]`` says which of several sources
    training example ``i`` came from. ``probe`` is the linear probe of ``train`` over ``backbone`` where there is one
    already, so that no method fits it again. Where a finished ``model`` is all there is of the source, ``train`` holds
    its classes and no examples, and ``backbone`` is the model's.
    """

    _: KW_ONLY
    unlabeled: Domain
    target: Domain | None = None
    sources: NDArray[np.int64] | None = None
    model: SourceModel | None = None
    probe: Fitted | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unlabeled.labels is not None:
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

    def on(self, at: NDArray[np.intp]) -> Self:
        return replace(super().on(at), sources=None if self.sources is None else self.sources[at], probe=None)

    def without_target(self) -> Task:
        """The source alone: what a method that does not adapt is given."""
        return Task(**{field.name: getattr(self, field.name) for field in fields(Task)})

    def target_features(self) -> Domain:
        """The target's inputs as features of the task's frozen backbone."""
        return self.embed(self.unlabeled)
