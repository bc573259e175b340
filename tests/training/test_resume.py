"""A run killed at any moment and resumed ends bit-identical to one that was not."""

import os
import random
import signal
import sys
import time
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from interrupted import ROWS, started, train  # a module beside this file

from toy_world import same, weights
from transferium.errors import Terminated
from transferium.training.logs.journal import LOG, read_log
from transferium.training.resume.checkpoint import Checkpoints


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


def test_asked_to_end_when_a_stage_has_just_been_written_it_leaves_all_the_same(tmp_path, monkeypatch):
    save = Checkpoints.save_finished

    def save_and_ask(self, number, saved):
        save(self, number, saved)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched, pytest.raises(Terminated):
        patched.setattr(Checkpoints, "save_finished", save_and_ask)
        train("two_stages", tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"stage-000.safetensors", LOG}
    check("two_stages", tmp_path)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("name", ROWS)
def test_interrupted_again_and_again_at_every_few_steps(name, tmp_path, monkeypatch):
    write, left = Checkpoints._write, [0]

    def write_a_few(self, path, stage, saved):
        write(self, path, stage, saved)
        left[0] -= 1
        if left[0] == 0:
            raise StoppedError

    monkeypatch.setattr(Checkpoints, "_write", write_a_few)
    interruptions = 0
    while True:
        left[0] = 7
        try:
            train(name, tmp_path)
            break
        except StoppedError:
            interruptions += 1
    assert interruptions >= 3
    check(name, tmp_path)
