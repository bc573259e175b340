"""A run killed at any moment and resumed ends bit-identical to one that was not."""

import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from interrupted import ROWS, train  # a script beside this file

from toy_world import same, weights
from transferium.training.run import TERMINATED

SCRIPT = Path(__file__).with_name("interrupted.py")


@cache
def uninterrupted(name):
    model, history = train(name)
    return weights(model), history


def started(name, folder, after):
    """A process that trains, ``after`` steps in."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), name, str(folder)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    for _ in range(after):
        assert process.stdout.readline()
    return process


def check(name, folder):
    expected, expected_history = uninterrupted(name)
    model, history = train(name, folder)
    assert same(weights(model), expected)
    assert history == expected_history


@pytest.mark.parametrize("name", ROWS)
def test_killed_at_a_random_moment(name, tmp_path):
    total = len(uninterrupted(name)[1])
    dice = random.Random(time.time_ns())
    after, pause = dice.randint(1, total // 2), dice.random() * 0.2
    process = started(name, tmp_path, after)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert any(tmp_path.iterdir())
    check(name, tmp_path)


def test_asked_to_end_it_writes_its_state_and_says_so(tmp_path):
    process = started("two_stages", tmp_path, 17)
    process.send_signal(signal.SIGTERM)
    process.wait()
    process.stdout.close()
    assert process.returncode == TERMINATED == 143
    assert {p.name for p in tmp_path.iterdir()} == {"stage-000.safetensors", "step.safetensors"}
    check("two_stages", tmp_path)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("name", ROWS)
def test_interrupted_again_and_again_at_every_few_steps(name, tmp_path, monkeypatch):
    from transferium.training.checkpoint import Checkpoints

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
