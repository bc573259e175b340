"""Ctrl-C and SIGTERM are said in one line, whatever was under way, and promise only what there is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from transferium.data import read as reading
from transferium.embedding.embed import Embedder
from transferium.errors import Terminated
from transferium.training.logs.journal import read_log
from transferium.training.resume.interruption import asked_to_end

NOTHING = "interrupted: nothing was begun; give the same command again.\n"


@pytest.fixture
def job(tmp_path: Path) -> tuple[object, ...]:
    path = tmp_path / "rows.csv"
    path.write_text("f0,f1,label\n" + "".join(f"{i % 2}.{i},{i % 3},{'ab'[i % 2]}\n" for i in range(24)))
    return ("fit", path, "--label", "label", "--method", "probe", "--out", tmp_path / "run")


def wrapped(error: BaseException) -> None:
    """As Python 3.11 does where a class was being made."""
    try:
        raise error
    except BaseException as asked:
        raise RuntimeError("Error calling __set_name__ on 'x'") from asked


def terminated(*_given: object, **_more: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupted(*_given: object, **_more: object) -> None:
    raise KeyboardInterrupt


def wrapped_interruption(*_given: object, **_more: object) -> None:
    wrapped(KeyboardInterrupt())


ENDS = [(terminated, 143), (interrupted, 130), (wrapped_interruption, 130)]


@pytest.mark.parametrize(("end", "code"), ENDS)
def test_before_anything_was_begun(
    job: tuple[object, ...], end: Callable, code: int, tmp_path: Path, run_cli: Callable, monkeypatch
) -> None:
    monkeypatch.setattr(reading, "read", end)
    ran = run_cli(*job)
    assert (ran.code, ran.err) == (code, NOTHING)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("end", "code"), ENDS)
def test_once_something_was_begun(
    job: tuple[object, ...], end: Callable, code: int, tmp_path: Path, run_cli: Callable, monkeypatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Embedder, "__call__", end)
        ran = run_cli(*job)
    how = f"transferium fit --resume {tmp_path / 'run'}"
    assert (ran.code, ran.err) == (code, f"interrupted: what is done is kept. Go on with: {how}\n")
    assert read_log(tmp_path / "run" / "state" / "log.jsonl")[-1]["event"] == "interrupted"
    assert run_cli("fit", "--resume", tmp_path / "run").code == 0


@pytest.mark.parametrize("end", [interrupted, wrapped_interruption])
def test_of_other_commands(job: tuple[object, ...], end: Callable, run_cli: Callable, monkeypatch) -> None:
    monkeypatch.setattr(reading, "read", end)
    ran = run_cli("inspect", job[1])
    assert ran.code == 130 and ran.err.strip().startswith("interrupted: nothing half-written was left"), ran.err


@pytest.mark.parametrize("end", [interrupted, wrapped_interruption])
def test_while_the_command_line_is_imported(end: Callable, run_cli: Callable, monkeypatch) -> None:
    module = ModuleType("transferium.cli.app")
    module.__getattr__ = end
    monkeypatch.setitem(sys.modules, "transferium.cli.app", module)
    ran = run_cli("--help")
    assert (ran.code, ran.err) == (130, NOTHING)


def test_a_fault_is_not_taken_for_an_interruption(job: tuple[object, ...], run_cli: Callable, monkeypatch) -> None:
    def fault(*_given: object, **_more: object) -> None:
        wrapped(ValueError("something else"))

    monkeypatch.setattr(reading, "read", fault)
    ran = run_cli(*job)
    assert ran.code == 1 and "This is a fault of transferium" in ran.err


def test_what_an_error_comes_of() -> None:
    def of(error: BaseException) -> int | None:
        with pytest.raises(RuntimeError) as raised:
            wrapped(error)
        return asked_to_end(raised.value)

    assert of(KeyboardInterrupt()) == asked_to_end(KeyboardInterrupt()) == signal.SIGINT
    assert of(Terminated()) == asked_to_end(Terminated()) == signal.SIGTERM
    assert of(SystemExit(2)) is None and of(ValueError()) is None
