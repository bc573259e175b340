"""One process at a time works in a folder, and nothing that a killed one left beside it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from transferium.artifact import replacing
from transferium.errors import InputError
from transferium.system.exchange import exchange
from transferium.system.folder_locks import alone_in, let_go, sweep, take_lock

HOLDING = """
import os, sys, time
from pathlib import Path
from transferium.system.folder_locks import alone_in
with alone_in(Path(sys.argv[1])):
    if os.fork() == 0:
        print("in", flush=True)  # by the child: until it has run once, it holds the lock as well
        time.sleep(3)
        os._exit(0)
    time.sleep(30)
"""


@pytest.fixture
def working(tmp_path: Path):
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"in\n"
        yield process
        process.kill()


def test_a_second_process_is_told_and_the_lock_ends_with_the_first(working: subprocess.Popen, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"another process is at work in .*run; nothing was changed"),
        alone_in(tmp_path / "run"),
    ):
        pass
    working.send_signal(signal.SIGKILL)  # its own child lives on, as a worker that loads data does
    working.wait()
    with alone_in(tmp_path / "run"):
        pass


def test_folders_made_for_nothing_go_again(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with alone_in(tmp_path / "kept" / "runs" / "a"):
        assert (tmp_path / "kept" / "runs" / "a").is_dir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]
    with alone_in(tmp_path / "kept" / "b"):
        (tmp_path / "kept" / "b" / "file").write_text("")
    assert (tmp_path / "kept" / "b" / "file").exists()


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left, used, other = (tmp_path / name for name in (".m.aaaa.partial", ".m.bbbb.partial", ".n.cccc.partial"))
    for folder in (left, used, other):
        folder.mkdir()
        (folder / "half").write_text("")
    handle = take_lock(used)
    with replacing(tmp_path / "m") as fresh:
        (fresh / "done").write_text("")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".m.bbbb.partial", ".n.cccc.partial", "m"]
    let_go(handle)


def test_what_was_killed_between_two_renames_is_put_back(tmp_path: Path) -> None:
    (tmp_path / ".m.aaaa.old").mkdir()
    (tmp_path / ".m.aaaa.old" / "model.json").write_text("the earlier one")
    sweep(tmp_path / "m")
    assert (tmp_path / "m" / "model.json").read_text() == "the earlier one"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.skipif(sys.platform != "linux", reason="exchanging two folders in one step is tested on Linux")
def test_a_folder_is_there_at_every_moment_while_it_is_replaced(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)
    assert exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "name").read_text() == "other"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "nothing")
    watched, missing, reader = tmp_path / "one" / "name", 0, os.fork()
    if reader == 0:
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            missing += not watched.exists()
        os._exit(min(missing, 100))
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        with replacing(tmp_path / "one", signs=("name",)) as fresh:
            (fresh / "name").write_text("new")
    assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
