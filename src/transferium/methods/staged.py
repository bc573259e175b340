"""Methods that train: a generator of stages, run so that an interruption loses seconds."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from transferium.methods.base import Fitted, Method, Task
from transferium.methods.heads import fitted_ends, notes_on_hidden
from transferium.methods.trained import Trained, selection_of, temperature_of
from transferium.models.allocator import keep_large_blocks

if TYPE_CHECKING:
    from transferium.training.run import Outcome
    from transferium.training.stage import Stage


@dataclass
class Staged(Method):
    """A method that yields stages and returns what it trained; code after a ``yield`` sees the trained model."""

    def stages(self, task: Task) -> Generator[Stage, None, Any]:
        """The training episodes, in order; what it returns is what ``_conclude`` reads."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it trains")

    def machine_precision(self) -> str:
        """``"auto"``, ``"no"``, ``"bf16"`` or ``"fp16"``."""
        return "auto"

    def best_by(self) -> str:
        """What the kept epoch was chosen by: ``"log_loss"``, ``"accuracy"`` or ``"last"``."""
        return "log_loss"

    def _answering(self, trained: Trained) -> Trained:
        """What was trained, as it will answer."""
        return trained

    def fit(self, task: Task) -> Fitted:
        """Train the stages (from the last checkpoint in ``task.workdir``, if there is one), calibrate, describe."""
        keep_large_blocks()
        from transferium.training.checkpoint import Checkpoints
        from transferium.training.machine import Machine
        from transferium.training.run import run
        from transferium.training.tracks import TRACK, Tracks, check_trackers

        start = time.perf_counter()
        logs = None if task.workdir is None else task.workdir / TRACK
        track = () if logs is None else check_trackers(task.track)
        machine = Machine(self.machine_precision(), track=track, logs=logs)
        checkpoints = None if task.workdir is None else Checkpoints(task.workdir)
        tracks = None
        if track and logs is not None and machine.is_main:
            tracks = Tracks(machine.accelerator, logs, self.to_json() | {"seed": task.seed})
        outcome = run(
            self.stages(task),
            seed=task.seed,
            machine=machine,
            checkpoints=checkpoints,
            progress=task.progress,
            tracks=tracks,
        )
        return self._conclude(outcome, machine, start)

    def _conclude(self, outcome: Outcome[Trained], machine: Any, start: float) -> Fitted:
        from transferium.training.contact import contact_of

        trained, trained_at = self._answering(outcome.result), time.perf_counter()
        temperature = temperature_of(trained, machine)
        backbone, head = fitted_ends(trained, temperature)
        trained = replace(trained, notes=(*trained.notes, *notes_on_hidden(trained, machine)))
        return Fitted(
            method=self.name,
            backbone=backbone,
            head=head,
            selection=selection_of(trained, outcome.history, self.best_by()),
            history=outcome.history,
            seconds={"train": trained_at - start, "calibrate": time.perf_counter() - trained_at},
            contact=contact_of(outcome.result.feeds, trained.parts.train),
        )
