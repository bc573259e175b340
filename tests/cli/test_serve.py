"""``transferium serve``: what keeps it from serving is said before anything listens."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.system import extras


def test_a_taken_port_a_missing_model_and_an_odd_host_are_said(run_cli: Callable, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    tm.TransferClassifier("ncm", store=False).fit(x, (x[:, 0] > 0).astype(int)).save(tmp_path / "run")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run_cli("serve", tmp_path / "run", "--port", port)
        assert ran.code == 2 and f"127.0.0.1:{port} cannot be listened at" in ran.err and "--port" in ran.err
    ran = run_cli("serve", tmp_path / "run", "--host", "no.such.host.invalid")
    assert ran.code == 2 and "no.such.host.invalid:8000 cannot be listened at" in ran.err
    ran = run_cli("serve", tmp_path / "none", "--port", 0)
    assert ran.code == 2 and "there is no saved model" in ran.err


def test_without_the_extra_it_says_what_to_install(
    run_cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "uvicorn" else name)
    ran = run_cli("serve", tmp_path)
    assert (
        ran.code == 2
        and 'needs uvicorn, which is not installed here: python -m pip install "transferium[serve]"' in ran.err
    )
