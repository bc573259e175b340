"""Train stages in order, with checkpoints from which an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar

from transferium.errors import InputError, NonFiniteError, add_note
from transferium.system.display import Display, Progress
from transferium.training.distributed.machine import Machine, own_random_numbers, seed_everything
from transferium.training.logs.history import History, figures
from transferium.training.logs.journal import Journal
from transferium.training.logs.trackers import Tracks
from transferium.training.loop.episode import Episode, train
from transferium.training.loop.stage import Stage
from transferium.training.resume.changes import refuse_changes
from transferium.training.resume.checkpoint import Checkpoints, Saved
from transferium.training.resume.episode_state import describe, load_episode, save_episode, weights_of
from transferium.training.resume.interruption import Stop, leave, soft_interruption

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Outcome(Generic[T]):
    """The result of a run of stages: the generator's return value and every step's record."""

    result: T
    history: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The machine, checkpoints, log, trackers and progress of a run; all but the machine may be None."""

    machine: Machine
    checkpoints: Checkpoints | None
    journal: Journal | None
    tracks: Tracks | None
    progress: Progress | None


def run(
    stages: Generator[Stage, None, T],
    *,
    seed: int = 0,
    machine: Machine | None = None,
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
    tracks: Tracks | None = None,
) -> Outcome[T]:
    """Train each stage that the generator yields; its code after a ``yield`` sees the trained model.

    With ``checkpoints``, a run that was interrupted goes on from its last checkpoint, bit for bit as if it had not
    been: the generator is replayed, and finished stages are loaded instead of trained; ``log.jsonl`` beside them says
    what happened. On SIGTERM or Ctrl-C the step under way is finished and the state written, then the process exits
    with 143 or ``KeyboardInterrupt`` is raised. Every generator of random numbers is seeded by (seed, stage) before a
    stage is made, so that all processes make the same, and by (seed, stage, process) before it trains; the caller's are
    left as they were.
    """
    machine = machine or Machine()
    keeps = checkpoints is not None and machine.is_main
    journal = Journal(checkpoints.folder) if checkpoints is not None and keeps else None
    around = Surroundings(machine, checkpoints, journal, tracks, progress)
    history: list[dict[str, Any]] = []
    with own_random_numbers():
        kept = 0
        for number in count():
            # A stage is made alike in every process; what is drawn while it trains is each one's own.
            seed_everything(seed, number, 0)
            try:
                stage = next(stages)
            except StopIteration as end:
                if tracks is not None:
                    tracks.finish()
                return Outcome(end.value, history)
            if machine.rank:
                seed_everything(seed, number, machine.rank)
            history += _run_stage(number, Episode(stage, machine, kept), around, len(history))
            kept += not stage.discarded
    raise AssertionError("unreachable")


def _run_stage(number: int, episode: Episode, around: Surroundings, done: int) -> list[dict[str, Any]]:
    checkpoints, stage = around.checkpoints, episode.stage
    log = History(stage.name, around.machine)
    saved = None
    if checkpoints is not None:
        saved = checkpoints.finished(number) or checkpoints.under_way(number)
    if saved is not None and checkpoints is not None:
        refuse_changes(saved.facts["about"], describe(episode), checkpoints.folder, saved.facts.get("program"))
        load_episode(episode, saved)
        log.rows = saved.facts["history"]
    if around.journal is not None:
        around.journal.open_stage(number, log.rows)
    if around.tracks is not None:
        around.tracks.open_stage(done, len(log.rows))
    if saved is None or not saved.facts["finished"]:
        _tell(around, "stage started" if saved is None else "stage resumed", number, episode)
        with _faults_said(number, episode, around), soft_interruption() as stop:
            _train_on(number, episode, log, around, stop)
    stage.model.eval()
    return log.flush()


def _train_on(number: int, episode: Episode, log: History, around: Surroundings, stop: Stop) -> None:
    checkpoints = around.checkpoints
    records = train(episode)
    for wrapper in episode.stage.around:
        records = wrapper.wrap(records, episode)
    for record in records:
        log.add(record)
        if around.progress is not None:
            around.progress(episode.stage.name, episode.step, episode.total)
        asked, due, told = _decide(stop, around, episode)
        if asked or due or told:
            _show(number, log, around, episode)
        if checkpoints is not None and (asked or due):
            saved = _pack(episode, log, finished=False)
            if episode.machine.is_main:
                checkpoints.save_step(number, saved)
            _tell(around, "interrupted" if asked else "checkpoint", number, episode)
        if asked:
            leave(asked)
    _show(number, log, around, episode)
    if checkpoints is not None:
        saved = _pack(episode, log, finished=True)
        if episode.machine.is_main:
            checkpoints.save_finished(number, saved)
        episode.machine.wait()
    _tell(around, "stage finished", number, episode)


def _pack(episode: Episode, log: History, *, finished: bool) -> Saved:
    tensors, facts = save_episode(episode, finished=finished)
    return Saved(tensors, facts | {"history": log.flush()})


def _decide(stop: Stop, around: Surroundings, episode: Episode) -> tuple[int, bool, bool]:
    """The signal to end by (from any process), and whether to write state and log (the first process decides)."""
    checkpoints, journal, display = around.checkpoints, around.journal, around.progress
    due = checkpoints is not None and checkpoints.due(episode.step)
    told = journal.due() if journal is not None else isinstance(display, Display) and display.due()
    said = episode.machine.everyone((stop.asked, due, told))
    return max(asked for asked, _, _ in said), said[0][1], said[0][2]


def _show(number: int, log: History, around: Surroundings, episode: Episode) -> None:
    """Write the steps so far to log, trackers and display; every process takes part in making them numbers."""
    rows = log.flush()
    if isinstance(around.progress, Display):
        around.progress.figures(episode.stage.name, figures(rows))
    if around.journal is not None:
        around.journal.steps(number, rows)
        around.journal.flush()
    if around.tracks is not None:
        around.tracks.steps(rows)


def _tell(around: Surroundings, what: str, number: int, episode: Episode) -> None:
    if around.journal is not None:
        facts = {"stage": episode.stage.name, "number": number, "step": episode.step, "steps": episode.total}
        around.journal.event(what, facts)


@contextmanager
def _faults_said(number: int, episode: Episode, around: Surroundings) -> Iterator[None]:
    """On a value that is no number, write the last good weights. On a dead worker, raise an error with advice."""
    try:
        yield
    except NonFiniteError as error:
        if around.machine.is_main:
            _tell(around, "stopped", number, episode)
        if around.checkpoints is None or episode.step == 0:
            raise
        good = weights_of(episode)
        if around.machine.is_main:
            around.checkpoints.save_good(number, Saved(good, {"step": episode.step}))
        # A note, not part of the message: an election quotes the message of a failed candidate and deletes its state.
        add_note(error, f"The last good weights are in {around.checkpoints.good}.")
        raise
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        _tell(around, "a worker died", number, episode)
        raise InputError(
            f"a process that prepares batches ended at step {episode.step} ({error}). Memory may have run out. What "
            "was kept of the run is whole: give the same command again with fewer workers, as in workers=0; that "
            "changes nothing in the result."
        ) from error
