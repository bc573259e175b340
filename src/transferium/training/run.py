"""Train stages in order, surviving interruptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from transferium.training.checkpoint import Checkpoints, Saved, refuse_changes
from transferium.training.episode import Episode, train
from transferium.training.history import History
from transferium.training.machine import Machine, own_random_numbers, seed_everything
from transferium.training.stage import Stage
from transferium.training.state import describe, load_episode, save_episode

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
TERMINATED = 143


@dataclass(frozen=True, eq=False)
class Outcome(Generic[T]):
    """What a run of stages gave: the generator's return value and every step's record."""

    result: T
    history: list[dict[str, Any]]


@dataclass(eq=False)
class Stop:
    """Whether somebody asked the run to end."""

    asked: bool = field(default=False)


def run(
    stages: Generator[Stage, None, T],
    *,
    seed: int = 0,
    machine: Machine | None = None,
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
) -> Outcome[T]:
    """Train each stage that the generator yields; its code after a ``yield`` sees the trained model.

    With ``checkpoints``, a run that was interrupted goes on from its last checkpoint, bit for bit as if it had not
    been: the generator is replayed, and finished stages are loaded instead of trained. On SIGTERM the state is written
    and the process exits with 143. Every generator of random numbers is seeded by (seed, stage, process) before a stage
    is made, and the caller's are left as they were.
    """
    machine = machine or Machine()
    history: list[dict[str, Any]] = []
    with own_random_numbers(), _soft_termination() as stop:
        for number in count():
            seed_everything(seed, number, machine.rank)
            try:
                stage = next(stages)
            except StopIteration as end:
                return Outcome(end.value, history)
            history += _run_stage(number, stage, machine, checkpoints, progress, stop)
    raise AssertionError("unreachable")


def _run_stage(
    number: int,
    stage: Stage,
    machine: Machine,
    checkpoints: Checkpoints | None,
    progress: Progress | None,
    stop: Stop,
) -> list[dict[str, Any]]:
    episode, log = Episode(stage, machine), History(stage.name, machine)
    saved = None
    if checkpoints is not None:
        saved = checkpoints.finished(number) or checkpoints.under_way(number)
    if saved is not None and checkpoints is not None:
        refuse_changes(saved.facts["about"], describe(episode), checkpoints.folder)
        load_episode(episode, saved)
        log.rows = saved.facts["history"]
    if saved is None or not saved.facts["finished"]:
        _train_on(number, episode, log, checkpoints, progress, stop)
    stage.model.eval()
    return log.flush()


def _train_on(
    number: int,
    episode: Episode,
    log: History,
    checkpoints: Checkpoints | None,
    progress: Progress | None,
    stop: Stop,
) -> None:
    records = train(episode)
    for wrapper in episode.stage.around:
        records = wrapper.wrap(records, episode)
    for record in records:
        log.add(record)
        if progress is not None:
            progress(episode.stage.name, episode.step, episode.total)
        asked, due = _decide(stop, checkpoints, episode)
        if checkpoints is not None and (asked or due):
            saved = _pack(episode, log, finished=False)
            if episode.machine.is_main:
                checkpoints.save_step(number, saved)
        if asked:
            raise SystemExit(TERMINATED)
    if checkpoints is not None:
        saved = _pack(episode, log, finished=True)
        if episode.machine.is_main:
            checkpoints.save_finished(number, saved)
        episode.machine.wait()


def _pack(episode: Episode, log: History, *, finished: bool) -> Saved:
    tensors, facts = save_episode(episode, finished=finished)
    return Saved(tensors, facts | {"history": log.flush()})


def _decide(stop: Stop, checkpoints: Checkpoints | None, episode: Episode) -> tuple[bool, bool]:
    """Whether to end (any process may ask) and whether to write (the first one has the clock), alike in all."""
    due = checkpoints is not None and checkpoints.due(episode.step)
    said = episode.machine.everyone((stop.asked, due))
    return any(asked for asked, _ in said), said[0][1]


@contextmanager
def _soft_termination() -> Iterator[Stop]:
    """Note SIGTERM instead of dying of it, where this thread may."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(_number: int, _frame: object) -> None:
        stop.asked = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
