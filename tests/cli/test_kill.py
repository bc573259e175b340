"""A job that is killed loses nothing that the same command, given again, cannot pick up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worlds.images import RED_GREEN, write_images

DEADLINE_S = 120


# Tests that were started in the background ignore Ctrl-C, and their children with them.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from transferium.cli import main; main()"
)


def start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(*arguments: object) -> None:
    process = start(*arguments)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, said.decode()


def wait_for(sign: Path, pattern: str, process: subprocess.Popen[bytes]) -> None:
    """Until a file that matches appears: the job is then in the middle of what writes it."""
    end = time.monotonic() + DEADLINE_S
    while not any(sign.rglob(pattern)):
        assert process.poll() is None, "the job ended before it could be interrupted"
        assert time.monotonic() < end, f"no {pattern} appeared in {sign}"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "how",
    [signal.SIGKILL, *(pytest.param(s, marks=pytest.mark.slow) for s in (signal.SIGTERM, signal.SIGINT))],
)
def test_fine_tuning_killed_in_the_middle_ends_as_if_it_had_not_been(tmp_path: Path, how: signal.Signals) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 16)
    job = ("fit", data, "--method", "finetune", "--set", "size=32", "--set", "batch_size=8", "--set", "epochs=6")
    finish(*job, "--out", tmp_path / "whole")
    out = tmp_path / "killed"
    process = start(*job, "--out", out)
    wait_for(out, "state/**/*.safetensors", process)
    process.send_signal(how)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert not (out / "metrics.json").exists()
    finish(*job, "--out", out)
    for name in ("predictions.csv", "model.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not (out / "state").exists()


def test_embedding_killed_in_the_middle_goes_on_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 60)
    job = ("fit", data, "--method", "probe", "--set", "size=32")
    finish(*job, "--out", tmp_path / "whole")
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    process = start(*job, "--out", tmp_path / "killed")
    wait_for(tmp_path / "home", "features/*", process)
    process.kill()
    process.communicate(timeout=DEADLINE_S)
    assert not (tmp_path / "killed" / "metrics.json").exists()
    finish(*job, "--out", tmp_path / "killed")
    whole = (tmp_path / "whole" / "predictions.csv").read_bytes()
    assert (tmp_path / "killed" / "predictions.csv").read_bytes() == whole
    assert not list(tmp_path.glob(".*.partial"))
