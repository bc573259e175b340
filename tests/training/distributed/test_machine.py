import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training.distributed.data_parallel import train
from transferium.errors import InputError
from transferium.training.distributed.machine import (
    Machine,
    own_random_numbers,
    random_state,
    restore_random_state,
    seed_everything,
)
from worlds.toy import weights

SCRIPT = Path(__file__).with_name("data_parallel.py")


def launched(folder):
    """Two processes that train together; none of them outlives the test."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT)]
    process = subprocess.Popen([*command, str(folder)], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        errors = process.communicate(timeout=120)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, errors[-2000:]


def test_two_processes_give_what_one_gives(tmp_path):
    launched(tmp_path)
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert first["world"] == 2
    alone, _ = train()
    expected = weights(alone.result)
    for name, tensor in expected.items():
        assert torch.equal(first["weights"][name], second["weights"][name])
        assert torch.allclose(first["weights"][name], tensor, atol=1e-5), name
    assert first["history"] == second["history"]
    for one, two in zip(alone.history, first["history"], strict=True):
        assert two == pytest.approx(one, abs=1e-5)
    assert {p.name for p in (tmp_path / "state").glob("*.*")} == {
        "stage-000.safetensors",
        "stage-001.safetensors",
        "stage-002.safetensors",
        "log.jsonl",
    }


def test_every_generator_comes_back():
    def draw():
        return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(2).tolist()

    seed_everything(1, 2)
    draw()
    state = random_state()
    expected = [draw(), draw()]
    restore_random_state(state)
    assert [draw(), draw()] == expected
    with own_random_numbers():
        seed_everything(5)
        first = draw()
    seed_everything(5)
    assert draw() == first
    seed_everything(5, 1)
    assert draw() != first


def test_a_precision_that_is_not_there_is_named():
    with pytest.raises(InputError, match="precision is 'auto', 'no', 'bf16' or 'fp16'; it was given 'fp8'"):
        Machine("fp8")


def test_one_process_has_one_precision():
    Machine("no")
    with pytest.raises(InputError, match="already trains at another precision, and 'bf16' was asked for"):
        Machine("bf16")
