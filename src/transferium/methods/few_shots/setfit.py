"""The SetFit recipe: the encoder learns from pairs of examples, and a linear head is solved on what it then says."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.modality import KINDS
from transferium.errors import InputError
from transferium.methods.few_shots.constant_stage import constant_stage
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN
from transferium.training.feeds.pair_sampling import draw_pairs

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.training.loop.stage import Stage


@dataclass
class SetFit(Method):
    """Tune the encoder on pairs of examples, alike or not, then solve the probe on its features.

    For eight to sixty-four labels a class, of texts or pictures.
    ``min mean (cos(f(x_i), f(x_j)) - [y_i = y_j])²`` over ``pairs`` alike and as many unlike partners of every example,
    which are drawn and never listed, so that the cost grows with the examples and not with their square. A few labels
    make many pairs, and so many steps. The rate is constant. Then the probe on the tuned features is the head. Prefer
    the probe alone where there are hundreds of labels a class: it is far cheaper.
    Tunstall et al., "Efficient few-shot learning without prompts" (2022).
    """

    name: ClassVar[str] = "setfit"
    searched: ClassVar[tuple[str, ...]] = ("lr", "pairs", "epochs")

    pairs: int = setting(10, "partners of its own class, and of others, that each example is paired with", (1, 40))
    epochs: int = setting(1, "passes over the pairs", (1, 5))
    batch_size: int = setting(16, "pairs per step, over all processes", (4, 64))
    lr: float = setting(2e-5, "learning rate of the encoder, which is constant", (1e-6, 1e-3), {"above": 0})
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))

    @property
    def trains(self) -> bool:
        return True

    @property
    def moves_backbone(self) -> bool:
        return True

    def check_data(self, domain: Domain) -> None:
        """Raise ``InputError`` for feature rows, which no encoder has read."""
        if domain.kind in OWN:
            raise InputError(
                f"setfit tunes an encoder, and {domain.name!r} holds {KINDS[domain.kind]}: use probe, ncm or cosine."
            )

    def fit(self, task: Task) -> Fitted:
        """Train (from the last checkpoint in ``task.workdir``, if there is one), then solve the head."""
        self.check_data(task.train)
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        outcome, _, start = run_stages(self, task, self.stages(task))
        trained = time.perf_counter()
        head = LinearProbe().fit(replace(task, backbone=outcome.result, val=None))
        note = "these folds share an encoder that has seen their labels: they choose the penalty and promise too much"
        return replace(
            head,
            method=self.name,
            selection=replace(head.selection, notes=(*head.selection.notes, note)),
            history=outcome.history,
            oof_outputs=None,
            seconds={"train": trained - start, "solve": time.perf_counter() - trained},
        )

    def stages(self, task: Task) -> Generator[Stage, None, Backbone]:
        """One stage over the pairs of the training part, and the backbone that it leaves."""
        from torch import nn

        from transferium.models.model import Model
        from transferium.objectives.contrast import PairCosine
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.feeds.pair_feed import PairFeeds
        from transferium.training.loop.param_groups import layered_groups

        backbone, train = task.backbone, task.train
        first, second = draw_pairs(train.y, self.pairs, task.seed)
        model = Model(backbone.build(), nn.Identity())
        rates: dict[str, Any] = {"lr": self.lr, "decay": 1.0, "weight_decay": self.weight_decay}
        yield constant_stage(
            self,
            task,
            backbone,
            name="pairs",
            model=model,
            streams={"target": train.take(first)},
            objective=PairCosine(),
            groups=tuple(layered_groups(model.backbone, backbone.blocks, **rates)),
            feeds=PairFeeds(Feeds(backbone.preprocess, seed=task.seed), train, first, second),
        )
        return tuned_backbone(backbone, model.backbone)
