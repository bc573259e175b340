"""Transcripts: letters of each moment of a recording, learned without knowing which moment has which."""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import DataError, TransferiumWarning
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.models.heads.spelling import SpellingHead
from transferium.problems.texts import Transcription, written
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from transferium.training.loop.stage import Stage


@dataclass
class CTC(Method):
    """What is said in a recording, letter by letter, by a network that hears moments.

    ``min -log Σ p(path)`` over all paths of letters and blanks that mean the transcript (Graves et al. 2006). The
    network is the backbone: an untrained one (``small_speech``), or that of an earlier run (``--backbone RUN``), which
    is trained further with a new layer. Letters are those of the training part; others cannot be written and count as
    mistakes. A transcript that has more letters than its recording has moments cannot be learned from: it is left out,
    and that is said. Answers need no PyTorch. There is no choice of an epoch: ``epochs`` says how long it learns.
    Letters need not be aligned with moments. Prefer classes where a recording is one of a few words.
    """

    name: ClassVar[str] = "ctc"
    problems: ClassVar[tuple[str, ...]] = (Transcription.kind,)
    searched: ClassVar[tuple[str, ...]] = ("lr", "lr_backbone", "epochs")

    epochs: int = setting(40, "passes over the training part", (10, 200), {"least": 1})
    batch_size: int = setting(16, "recordings per step, over all processes", (4, 64), {"least": 1})
    lr: float = setting(2e-3, "learning rate of the layer that spells", (1e-4, 1e-2), {"above": 0})
    lr_backbone: float | None = setting(
        None, "learning rate of the network; none: lr for an untrained one, half of it else", bounds={"above": 0}
    )
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    warmup: float = setting(0.1, "share of the steps in which the rate rises", (0.0, 0.3), {"below": 1})
    augment: str = setting("auto", "random changes to training recordings", choices=())

    @property
    def trains(self) -> bool:
        return True

    @property
    def moves_backbone(self) -> bool:
        return True

    def fit(self, task: Task) -> Fitted:
        """Train the network and its layer (from the last checkpoint, if there is one)."""
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        train, notes = self._learnable(task)
        letters = "".join(sorted({letter for label in train.y for letter in written(label)}))
        outcome, _, start = run_stages(self, task, self.stages(task, train, letters))
        network, layer = outcome.result
        weight, bias = (tensor.detach().cpu().numpy().copy() for tensor in (layer.weight, layer.bias))
        notes = (f"{len(letters)} letters and the blank", *notes)
        return Fitted(
            method=self.name,
            backbone=tuned_backbone(task.backbone, network),
            head=SpellingHead(weight, bias, letters),
            selection=Selection("no comparison", "all of train", [self.get_params()], {"epochs": self.epochs}, notes),
            history=outcome.history,
            seconds={"train": time.perf_counter() - start},
        )

    def _learnable(self, task: Task) -> tuple[Domain, tuple[str, ...]]:
        """The training part without transcripts that are too long for their recordings, and what is said of these."""
        moments = _moments(task)
        needed = np.array([len(label) + int((np.diff(label) == 0).sum()) for label in task.train.y])
        if not (short := needed <= moments).any():
            raise DataError(
                f"every transcript of {task.train.name!r} has more letters than the {moments} moments that are heard."
            )
        if short.all():
            return task.train, ()
        words = (
            f"{int((~short).sum()):,} of {len(short):,} transcripts have more letters than the {moments} moments that "
            "are heard of a recording, and are not learned from"
        )
        warnings.warn(words, TransferiumWarning, stacklevel=4)
        return task.train.take(short), (words,)

    def stages(self, task: Task, train: Domain, letters: str) -> Generator[Stage, None, tuple[nn.Module, nn.Linear]]:
        """One stage, and the network and layer that it leaves."""
        from torch import nn

        from transferium.models.model import Model
        from transferium.objectives.writing.ctc_loss import CTCLoss
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.loop.param_groups import plain_groups
        from transferium.training.loop.schedule import Schedule
        from transferium.training.loop.stage import Stage

        backbone, number = task.backbone, {letter: i for i, letter in enumerate(letters, start=1)}
        network, layer = backbone.build(), nn.Linear(backbone.width, 1 + len(letters))
        knows = backbone.pretrained or backbone.tuned
        of_network = self.lr_backbone or (self.lr / 2 if knows else self.lr)
        about: dict[str, Any] = {"backbone": backbone.fingerprint, "letters": letters, "method": self.to_json()}
        assert backbone.preprocess is not None
        yield Stage(
            model=Model(network, layer),
            streams={"target": train.unlabeled()},
            objective=CTCLoss([[number[letter] for letter in written(label)] for label in train.y]),
            groups=(
                *plain_groups(network.parameters(), of_network, self.weight_decay, "network"),
                *plain_groups(layer.parameters(), self.lr, self.weight_decay, "letters"),
            ),
            feeds=Feeds(backbone.preprocess, augment=self.augment, seed=task.seed),
            name="train",
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(train)),
            schedule=Schedule("cosine", self.warmup, 0.02),
            seed=task.seed,
            about=about | {"preprocessing": backbone.preprocess.fingerprint()},
        )
        return network, layer


def _moments(task: Task) -> int:
    """How many rows the backbone gives for a recording."""
    import torch

    assert task.backbone.preprocess is not None
    with torch.inference_mode():
        heard = task.backbone.build()(torch.from_numpy(task.backbone.preprocess.made_up()[0])[None])
    return int(heard.shape[1])
