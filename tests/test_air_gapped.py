"""No socket is opened and no torch imported unless they are asked for: whole processes, watched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from worlds.images import RED_GREEN, write_images

WATCHED = """
import socket, sys

def refuse(*_args, **_kwargs):
    raise AssertionError("a socket was opened")

socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from transferium.cli import main
try:
    main(sys.argv[1:])
finally:
    print("torch" if "torch" in sys.modules else "no torch", file=sys.stderr)
"""


def watched(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "0"},
        check=False,
    )


def test_the_whole_job_opens_no_socket_and_needs_no_torch_once_exported(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 8)
    job = ("fit", data, "--out", tmp_path / "run", "--method", "probe", "--set", "size=32")
    first = watched(*job)
    assert first.returncode == 0, first.stderr
    more = write_images(tmp_path / "data", RED_GREEN, 10, seed=1)
    for arguments in (job, ("predict", tmp_path / "run", more), ("evaluate", tmp_path / "run", more)):
        again = watched(*arguments)
        assert again.returncode == 0, again.stderr
        assert again.stderr.strip().splitlines()[-1] == "no torch", again.stderr


def test_the_watch_sees_a_planted_connection() -> None:
    code = WATCHED.replace("from transferium.cli import main", "socket.create_connection(('localhost', 9))")
    planted = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "a socket was opened" in planted.stderr
