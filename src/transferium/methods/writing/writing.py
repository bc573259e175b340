"""What methods that write texts share: a network and what writes behind it, trained together in one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.domain import Domain
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.models.heads.base import AnyHead
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from transferium.training.loop.objective import Objective
    from transferium.training.loop.stage import Stage
    from transferium.training.run import Outcome


@dataclass
class Writing(Method):
    """A network and what writes behind it. There is no choice of an epoch: ``epochs`` says how long it learns.

    Without ``lr_backbone`` an untrained network has the rate ``lr``, one that has learned ``slower`` of it.
    """

    searched: ClassVar[tuple[str, ...]] = ("lr", "lr_backbone", "epochs")
    slower: ClassVar[float]

    epochs: int = setting(10, "passes over the training part", (3, 40), {"least": 1})
    batch_size: int = setting(64, "examples per step, over all processes", (16, 128), {"least": 1})
    lr: float = setting(1e-3, "learning rate of what writes", (1e-4, 3e-3), {"above": 0})
    lr_backbone: float | None = setting(
        None, "learning rate of the network; none: lr for an untrained one, a part of it else", bounds={"above": 0}
    )
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    warmup: float = setting(0.1, "share of the steps in which the rate rises", (0.0, 0.3), {"below": 1})

    @property
    def trains(self) -> bool:
        return True

    @property
    def moves_backbone(self) -> bool:
        return True

    def _stage(
        self,
        task: Task,
        train: Domain,
        parts: tuple[nn.Module, nn.Module],
        objective: Objective,
        about: dict[str, Any],
        **feeding: Any,
    ) -> Stage:
        """The stage in which both ``parts``, the network and what writes, learn from ``train``."""
        from transferium.models.model import Model
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.loop.param_groups import plain_groups
        from transferium.training.loop.schedule import Schedule
        from transferium.training.loop.stage import Stage

        backbone, (network, writer) = task.backbone, parts
        knows = backbone.pretrained or backbone.tuned
        rate = self.lr_backbone or (self.lr * self.slower if knows else self.lr)
        read = "" if backbone.preprocess is None else backbone.preprocess.fingerprint()
        return Stage(
            model=Model(network, writer),
            streams={"target": train.unlabeled()},
            objective=objective,
            groups=(
                *plain_groups(network.parameters(), rate, self.weight_decay, "network"),
                *plain_groups(writer.parameters(), self.lr, self.weight_decay, "writer"),
            ),
            feeds=Feeds(backbone.preprocess, seed=task.seed, **feeding),
            name="train",
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(train)),
            schedule=Schedule("cosine", self.warmup, 0.02),
            seed=task.seed,
            about=about | {"backbone": backbone.fingerprint, "preprocessing": read, "method": self.to_json()},
        )

    def _fitted(
        self, task: Task, network: nn.Module, head: AnyHead, outcome: Outcome[Any], notes: tuple[str, ...], seconds: Any
    ) -> Fitted:
        """The model that was trained."""
        return Fitted(
            method=self.name,
            backbone=tuned_backbone(task.backbone, network),
            head=head,
            selection=Selection("no comparison", "all of train", [self.get_params()], {"epochs": self.epochs}, notes),
            history=outcome.history,
            seconds=seconds,
        )
