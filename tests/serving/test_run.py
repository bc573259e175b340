"""The server as a process: its address, its requests from many clients at once, and its end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import transferium as tm
from worlds.served import ask, serving

pytest.importorskip("uvicorn", reason="the extra serve is not installed")


def test_many_clients_get_their_own_answers_and_an_asked_end_is_an_end(texts: Path) -> None:
    found: dict[int, Any] = {}
    with serving(texts) as (address, process):

        def client(i: int) -> None:
            found[i] = [ask(address, [f"{'dog' if (i + k) % 2 else 'cat'} {i} {k}"])[0]["label"] for k in range(5)]

        threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert found == {i: ["dog" if (i + k) % 2 else "cat" for k in range(5)] for i in range(16)}
    assert tm.load(texts).predict(["dog 3 4"]) == ["dog"]


@pytest.mark.slow
def test_several_processes_answer(texts: Path) -> None:
    with serving(texts, "--workers", "2") as (address, process):
        assert [ask(address, ["dog"])[0]["label"] for _ in range(20)] == ["dog"] * 20
        process.send_signal(signal.SIGTERM)
        process.wait(60)
