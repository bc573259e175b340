"""Transcripts: letters of each moment of a recording, learned without knowing which moment has which."""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import DataError, TransferiumWarning
from transferium.methods.fitted import Fitted
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.writing.writing import Writing
from transferium.models.heads.spelling import SpellingHead
from transferium.problems.texts import Transcription, written

if TYPE_CHECKING:
    from torch import nn

    from transferium.training.loop.stage import Stage


@dataclass
class CTC(Writing):
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
    slower: ClassVar[float] = 0.5

    epochs: int = setting(40, "passes over the training part", (10, 200), {"least": 1})
    batch_size: int = setting(16, "recordings per step, over all processes", (4, 64), {"least": 1})
    lr: float = setting(2e-3, "learning rate of the layer that spells", (1e-4, 1e-2), {"above": 0})
    augment: str = setting("auto", "random changes to training recordings", choices=())

    def fit(self, task: Task) -> Fitted:
        """Train the network and its layer (from the last checkpoint, if there is one)."""
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        train, notes = self._learnable(task)
        letters = "".join(sorted({letter for label in train.y for letter in written(label)}))
        outcome, _, start = run_stages(self, task, self.stages(task, train, letters))
        network, layer = outcome.result
        weight, bias = (tensor.detach().cpu().numpy().copy() for tensor in (layer.weight, layer.bias))
        notes = (f"{len(letters)} letters and the blank", *notes)
        head = SpellingHead(weight, bias, letters)
        return self._fitted(task, network, head, outcome, notes, {"train": time.perf_counter() - start})

    def _learnable(self, task: Task) -> tuple[Domain, tuple[str, ...]]:
        """The training part without transcripts that are too long for their recordings, and what is said of these."""
        moments = _moments(task)
        needed = np.array([len(label) + int((np.diff(label) == 0).sum()) for label in task.train.y])
        if not (fits := needed <= moments).any():
            raise DataError(
                f"every transcript of {task.train.name!r} has more letters than the {moments} moments that are heard."
            )
        if fits.all():
            return task.train, ()
        words = (
            f"{int((~fits).sum()):,} of {len(fits):,} transcripts have more letters than the {moments} moments that "
            "are heard of a recording, and are not learned from"
        )
        warnings.warn(words, TransferiumWarning, stacklevel=4)
        return task.train.take(fits), (words,)

    def stages(self, task: Task, train: Domain, letters: str) -> Generator[Stage, None, tuple[nn.Module, nn.Linear]]:
        """One stage, and the network and layer that it leaves."""
        from torch import nn

        from transferium.objectives.writing.ctc_loss import CTCLoss

        number = {letter: i for i, letter in enumerate(letters, start=1)}
        network, layer = task.backbone.build(), nn.Linear(task.backbone.width, 1 + len(letters))
        objective = CTCLoss([[number[letter] for letter in written(label)] for label in train.y])
        yield self._stage(task, train, (network, layer), objective, {"letters": letters}, augment=self.augment)
        return network, layer


def _moments(task: Task) -> int:
    """How many rows the backbone gives for a recording."""
    import torch

    assert task.backbone.preprocess is not None
    with torch.inference_mode():
        heard = task.backbone.build()(torch.from_numpy(task.backbone.preprocess.made_up()[0])[None])
    return int(heard.shape[1])
