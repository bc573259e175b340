"""The stage of methods for a few labels: a fixed number of epochs at a constant rate, nothing held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from transferium.methods.task import Task
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from transferium.training.loop.stage import Stage


class Paced(Protocol):
    """A method that says how long it trains."""

    epochs: int
    batch_size: int

    def to_json(self) -> dict[str, Any]: ...


def constant_stage(method: Paced, task: Task, backbone: Backbone, **what: Any) -> Stage:
    """``method.epochs`` over the stream ``target``; ``what`` are the model, objective, groups and so on."""
    from transferium.training.loop.schedule import Schedule
    from transferium.training.loop.stage import Stage

    return Stage(
        epochs=method.epochs,
        batch_size=min(method.batch_size, len(what["streams"]["target"])),
        schedule=Schedule("constant", 0.0),
        keep_statistics=True,
        seed=task.seed,
        about={
            "backbone": backbone.fingerprint,
            "preprocessing": "" if backbone.preprocess is None else backbone.preprocess.fingerprint(),
            "method": method.to_json(),
        },
        **what,
    )
