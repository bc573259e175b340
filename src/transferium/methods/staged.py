"""Methods that train: a generator of stages, run so that an interruption loses seconds."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.system.allocator import keep_large_blocks

if TYPE_CHECKING:
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.stage import Stage
    from transferium.training.run import Outcome


@dataclass
class Staged(Method):
    """A method that yields stages and returns what it trained; code after a ``yield`` sees the trained model."""

    def stages(self, task: Task) -> Generator[Stage, None, Any]:
        """The training episodes, in order; what it returns is what ``_conclude`` reads."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it trains")

    def machine_precision(self) -> str:
        """``"auto"``, ``"no"``, ``"bf16"`` or ``"fp16"``."""
        return "auto"

    def fit(self, task: Task) -> Fitted:
        """Train the stages (from the last checkpoint in ``task.workdir``, if there is one), calibrate, describe."""
        keep_large_blocks()
        from transferium.training.distributed.machine import Machine
        from transferium.training.logs.trackers import TRACK, Tracks, check_trackers
        from transferium.training.resume.checkpoint import Checkpoints
        from transferium.training.run import run

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

    def _conclude(self, outcome: Outcome[Any], machine: Machine, start: float) -> Fitted:
        """The fitted model, from what ``stages`` returned; ``start`` is when fitting began (``perf_counter``)."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its training leaves")
