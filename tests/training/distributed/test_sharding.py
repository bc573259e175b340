"""A backbone split over two processes (FSDP 2) trains to what one process gives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.distributed.sharded_model import FITS, fitted
from transferium.errors import InputError
from transferium.training.distributed.sharding import Split

SCRIPT = Path(__file__).with_name("sharded_model.py")
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """What each of two processes found; none of them outlives the test."""
    folder = tmp_path_factory.mktemp("split")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT)]
    env = os.environ | FSDP | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, str(folder)], stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    try:
        errors = process.communicate(timeout=240)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, errors[-3000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", FITS)
def test_a_split_backbone_gives_what_one_process_gives(processes, name):
    alone = fitted(name)
    for found in processes:
        for key, tensor in alone["weights"].items():
            assert torch.allclose(found[name]["weights"][key], tensor, atol=1e-4), key
        for one, two in zip(alone["history"], found[name]["history"], strict=True):
            assert two == pytest.approx(one, abs=1e-4)
    assert processes[0][name]["fingerprint"] == processes[1][name]["fingerprint"]


def test_each_process_holds_half(processes):
    both = [found["parts"] for found in processes]
    for name in ("weights", "gradients", "moments"):
        assert both[0][name] + both[1][name] == both[0]["all"]
        assert both[1][name] > 0.4 * both[0]["all"]


def test_an_interrupted_run_goes_on_bit_for_bit(processes):
    for found in processes:
        for key, tensor in found["ema"]["weights"].items():
            assert torch.equal(found["resumed"]["weights"][key], tensor), key
        assert found["resumed"]["history"] == found["ema"]["history"]


def test_what_needs_whole_weights_is_refused(processes):
    said = processes[1]["refused"]
    assert "the loss of stage 'train' reads the weights or passes through the model several times" in said["l2-sp"]
    assert "optimiser=lion is not used on weights split over processes (FSDP)" in said["lion"]
    assert "the prefix cannot be cached: this launch splits the model over processes (FSDP)" in said["cache"]
    assert "leave compile out" in said["compile"]
    assert "plain FSDP 2 here, and this launch asks for fp16 (say bf16)" in said["fp16"]


def test_settings_of_fsdp_that_would_be_ignored_are_refused(monkeypatch):
    assert Split.asked() is None
    for name, value in {**FSDP, "WORLD_SIZE": "2", "FSDP_RESHARD_AFTER_FORWARD": "false"}.items():
        monkeypatch.setenv(name, value)
    assert Split.asked() == Split(keep=True)
    monkeypatch.setenv("FSDP_VERSION", "1")
    monkeypatch.setenv("FSDP_OFFLOAD_PARAMS", "true")
    with pytest.raises(InputError, match=r"asks for fsdp_offload_params: true, fsdp_version: 1 \(say 2\)"):
        Split.asked()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert Split.asked() is None
