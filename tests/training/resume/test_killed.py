"""A run killed at any moment and resumed ends bit-identical to one that was not."""

import os
import random
import signal
import time
from functools import cache

import pytest

from training.resume.interrupted import ROWS, started, train
from transferium.errors import Terminated
from transferium.training.logs.journal import LOG, read_log
from transferium.training.resume.checkpoint import Checkpoints
from worlds.toy import same, weights


@cache
def uninterrupted(name):
    model, history = train(name)
    return weights(model), history


def told(folder):
    """The steps in a run's log, as the history has them, and its events."""
    entries = read_log(folder / LOG)
    steps = [{k: v for k, v in e.items() if k not in ("time", "number")} for e in entries if "event" not in e]
    return steps, [e["event"] for e in entries if "event" in e]


def check(name, folder):
    expected, expected_history = uninterrupted(name)
    model, history = train(name, folder)
    assert same(weights(model), expected)
    assert history == expected_history
    assert told(folder)[0] == expected_history, "the log lacks a step, or has one twice"


@pytest.mark.parametrize("name", ROWS)
def test_killed_at_a_random_moment(name, tmp_path):
    total = len(uninterrupted(name)[1])
    dice = random.Random(time.time_ns())
    # From the second step on: the first is said before its checkpoint is written.
    after, pause = dice.randint(2, total // 2), dice.random() * 0.2
    process = started(name, tmp_path, after)
    time.sleep(pause)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
    assert any(tmp_path.glob("*.safetensors"))
    check(name, tmp_path)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_asked_to_end_it_writes_its_state_and_says_so(how, code, tmp_path):
    process = started("two_stages", tmp_path, 17)
    os.kill(process.pid, how)
    process.join()
    assert process.exitcode == code
    assert {p.name for p in tmp_path.iterdir()} == {"stage-000.safetensors", "step.safetensors", LOG}
    steps, events = told(tmp_path)
    assert events[-1] == "interrupted" and len(steps) >= 17
    check("two_stages", tmp_path)
    assert told(tmp_path)[1].count("stage resumed") == 1


class AskedAfterAStage(Checkpoints):
    """Asks its own process to end when a stage has just been written."""

    def save_finished(self, stage, saved):
        super().save_finished(stage, saved)
        os.kill(os.getpid(), signal.SIGTERM)


def test_asked_to_end_when_a_stage_has_just_been_written_it_leaves_all_the_same(tmp_path):
    with pytest.raises(Terminated):
        train("two_stages", tmp_path, kept_by=AskedAfterAStage)
    assert {p.name for p in tmp_path.iterdir()} == {"stage-000.safetensors", LOG}
    check("two_stages", tmp_path)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


class StopsAfterSeven(Checkpoints):
    """Ends the run when it has written seven times; of a finished stage, before the steps to it are forgotten."""

    left = 7

    def save_step(self, stage, saved):
        super().save_step(stage, saved)
        self._count()

    def save_finished(self, stage, saved):
        step = self.folder / "step.safetensors"
        before = step.read_bytes() if step.exists() else None
        super().save_finished(stage, saved)
        if self.left == 1 and before is not None:
            step.write_bytes(before)
        self._count()

    def _count(self):
        self.left -= 1
        if self.left == 0:
            raise StoppedError


@pytest.mark.parametrize("name", ROWS)
def test_interrupted_again_and_again_at_every_few_steps(name, tmp_path):
    interruptions = 0
    while True:
        try:
            train(name, tmp_path, kept_by=StopsAfterSeven)
            break
        except StoppedError:
            interruptions += 1
    assert interruptions >= 3
    check(name, tmp_path)
