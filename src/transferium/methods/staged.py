"""Methods that train: a generator of stages, run so that an interruption loses only seconds of work."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from transferium.system.allocator import keep_large_blocks
from transferium.system.display import Progress

if TYPE_CHECKING:
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.stage import Stage
    from transferium.training.run import Outcome

T = TypeVar("T")


class Described(Protocol):
    """Whatever names itself and its settings: a method, a pretraining."""

    def to_json(self) -> dict[str, Any]: ...


class Place(Protocol):
    """Where something trains: the part of a ``Task`` that says so."""

    seed: int
    checkpoint_steps: int | None
    progress: Progress | None
    track: tuple[str, ...]

    @property
    def workdir(self) -> Path | None: ...


def run_stages(
    method: Described, task: Place, stages: Generator[Stage, None, T], precision: str = "auto"
) -> tuple[Outcome[T], Machine, float]:
    """Train the stages of a method, from the last checkpoint in ``task.workdir`` on, if there is one.

    Code after a ``yield`` in ``stages`` sees the trained model. Returned are what is left, the machine that it was
    trained on in ``precision`` (``"auto"``, ``"no"``, ``"bf16"`` or ``"fp16"``), and when it began (``perf_counter``).
    """
    keep_large_blocks()
    from transferium.training.distributed.machine import Machine
    from transferium.training.logs.trackers import TRACK, Tracks, check_trackers
    from transferium.training.resume.checkpoint import Checkpoints
    from transferium.training.run import run

    start = time.perf_counter()
    logs = None if task.workdir is None else task.workdir / TRACK
    track = () if logs is None else check_trackers(task.track)
    machine = Machine(precision, track=track, logs=logs)
    checkpoints = None if task.workdir is None else Checkpoints(task.workdir, every_steps=task.checkpoint_steps)
    tracks = None
    if track and logs is not None and machine.is_main:
        tracks = Tracks(machine.accelerator, logs, method.to_json() | {"seed": task.seed})
    outcome = run(
        stages, seed=task.seed, machine=machine, checkpoints=checkpoints, progress=task.progress, tracks=tracks
    )
    return outcome, machine, start
