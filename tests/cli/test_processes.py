"""Two processes under ``torchrun``: one run directory, one voice, and what one process gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from transferium.data.doctor.scan import scan
from transferium.data.read import read
from transferium.embedding import shards
from transferium.embedding.embed import Embedder
from transferium.embedding.shards import ShardedEmbedder
from transferium.errors import DataError
from transferium.models.catalogue import find_backbone
from transferium.system.hardware import usable_cores
from worlds.images import RED_GREEN, write_images

FIT = ("--method", "finetune", "--set", "size=32", "--set", "epochs=1", "--set", "batch_size=8")


def fit(data: Path, out: Path, home: Path, *launcher: str) -> tuple[int, str, str]:
    """One whole job; no process of it outlives the test."""
    command = [sys.executable, *launcher, "-m", "transferium", "fit", str(data), "--out", str(out), *FIT]
    env = os.environ | {"TRANSFERIUM_HOME": str(home), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    try:
        told, errors = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, told, errors


TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
FSDP = """
distributed_type: FSDP
num_processes: 2
fsdp_config: {fsdp_version: 2, fsdp_reshard_after_forward: true, fsdp_cpu_ram_efficient_loading: false}
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The data, and the run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    data = write_images(folder / "data", RED_GREEN, 16)
    assert fit(data, folder / "run", folder / "home")[0] == 0
    return data, folder / "run"


def test_two_processes_write_one_run_and_give_what_one_gives(tmp_path, alone):
    data, one = alone
    agrees(one, tmp_path / "two", fit(data, tmp_path / "two", tmp_path / "home2", *TWO))


def test_processes_that_split_the_model_write_one_run_and_give_what_one_gives(tmp_path, alone):
    data, one = alone
    (tmp_path / "fsdp.yaml").write_text(FSDP)
    launcher = ("-m", "accelerate.commands.launch", "--config_file", str(tmp_path / "fsdp.yaml"))
    agrees(one, tmp_path / "two", fit(data, tmp_path / "two", one.parent / "home", *launcher))


@pytest.mark.slow
def test_two_processes_pretrain_one_encoder(tmp_path):
    (tmp_path / "corpus.txt").write_text("\n\n".join(f"The dog {i} runs. It runs and runs." for i in range(200)))
    small = [f"--set={name}" for name in ("epochs=1", "layers=1", "width=16", "heads=2", "vocabulary=100")]
    command = [sys.executable, *TWO, "-m", "transferium", "pretrain", "corpus.txt", "--out", "encoder", *small]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.count("the encoder is in") == 1
    assert find_backbone(str(tmp_path / "encoder"), "text").width == 16


def agrees(one: Path, two: Path, ended: tuple[int, str, str]) -> None:
    """The run of two processes is one run, and the same as that of one."""
    code, told, errors = ended
    assert code == 0, errors[-3000:]
    assert told.count("Written to") == 1
    first, second = (json.loads((run / "metrics.json").read_text()) for run in (one, two))
    assert first["test"]["accuracy"] == second["test"]["accuracy"]
    heads = [load_file(run / "model.safetensors") for run in (one, two)]
    for name, tensor in heads[0].items():
        assert np.allclose(heads[1][name], tensor, atol=1e-3), name
    assert {p.name for p in two.iterdir()} == {p.name for p in one.iterdir()}
    assert not list(two.parent.glob(".*partial"))


@pytest.fixture
def second_of_two(monkeypatch):
    """Process 1 of 2, which is told what process 0 said."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")

    def hears(said):
        monkeypatch.setattr(shards, "everyone", lambda mine: [said, mine])

    return hears


def test_shards_are_put_together_in_the_domains_order(tmp_path, second_of_two):
    write_images(tmp_path / "data", RED_GREEN, 5)
    (tmp_path / "data" / "red" / "broken.png").write_bytes(b"no image")
    domain = read(tmp_path / "data")
    backbone = find_backbone(None, "image", size=32)
    whole = Embedder(None, engine="torch")(domain, backbone)[0]
    second_of_two(Embedder(None, engine="torch")(domain.take(range(0, 11, 2)), backbone))
    both = ShardedEmbedder(None, engine="torch")(domain, backbone, scan=scan(domain))[0]
    assert np.array_equal(both.features, whole.features) and np.array_equal(both.ok, whole.ok)
    assert both.keys == whole.keys and both.problems == whole.problems and len(both.problems) == 1
    assert both.computed == whole.computed


def test_what_one_process_cannot_embed_is_raised_in_all(tmp_path, second_of_two):
    domain = read(write_images(tmp_path / "data", RED_GREEN, 4))
    second_of_two("the disk is gone")
    with pytest.raises(DataError, match=r"process 0 could not embed its part of .*: the disk is gone"):
        ShardedEmbedder(None, engine="torch")(domain, find_backbone(None, "image", size=32))


def test_processes_of_one_machine_share_its_cores(monkeypatch):
    alone = usable_cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(alone))
    assert usable_cores() == 1
