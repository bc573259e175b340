"""A job that is killed loses nothing that the same command, given again, cannot pick up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worlds.images import RED_GREEN, write_images

DEADLINE_S = 120

# Tests that were started in the background ignore Ctrl-C, and their children with them.
PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
{change}
from transferium.cli import main
main()
"""

# A job that ends itself is in the middle of it on any machine, however busy.
IN_TRAINING = """
from transferium.training.resume.checkpoint import Checkpoints
save = Checkpoints.save_step
def save_and_end(self, stage, saved):
    save(self, stage, saved)
    os.kill(os.getpid(), {how})
Checkpoints.due, Checkpoints.save_step = lambda self, step: step == 3, save_and_end
"""
IN_EMBEDDING = """
from transferium.embedding.store.missing import Need
write = Need.flush
def write_and_end(self):
    write(self)
    os.kill(os.getpid(), signal.SIGKILL)
Need.flush = write_and_end
"""


def run(*arguments: object, change: str = "") -> tuple[int, str]:
    """The exit code of one job in a process of its own, and what it said."""
    command = [sys.executable, "-c", PROGRAM.format(change=change), *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return ran.returncode, ran.stderr


def finish(*arguments: object) -> None:
    code, said = run(*arguments)
    assert code == 0, said


@pytest.mark.parametrize(
    "how",
    [signal.SIGKILL, *(pytest.param(s, marks=pytest.mark.slow) for s in (signal.SIGTERM, signal.SIGINT))],
)
def test_fine_tuning_killed_in_the_middle_ends_as_if_it_had_not_been(tmp_path: Path, how: signal.Signals) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 16)
    job = ("fit", data, "--method", "finetune", "--backbone", "small_cnn", "--set", "batch_size=8", "--set", "epochs=6")
    finish(*job, "--out", tmp_path / "whole")
    out = tmp_path / "killed"
    code, said = run(*job, "--out", out, change=IN_TRAINING.format(how=int(how)))
    assert code != 0 and (how != signal.SIGKILL or code == -how), said
    assert list(out.rglob("state/**/step.safetensors")) and not (out / "metrics.json").exists()
    finish(*job, "--out", out)
    for name in ("predictions.csv", "model.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not (out / "state").exists()


def test_embedding_killed_in_the_middle_goes_on_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 60)
    job = ("fit", data, "--method", "probe", "--set", "size=32")
    finish(*job, "--out", tmp_path / "whole")
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    code, said = run(*job, "--out", tmp_path / "killed", change=IN_EMBEDDING)
    assert code == -signal.SIGKILL, said
    assert list((tmp_path / "home" / "features").iterdir())
    assert not (tmp_path / "killed" / "metrics.json").exists()
    finish(*job, "--out", tmp_path / "killed")
    whole = (tmp_path / "whole" / "predictions.csv").read_bytes()
    assert (tmp_path / "killed" / "predictions.csv").read_bytes() == whole
    assert not list(tmp_path.glob(".*.partial"))
