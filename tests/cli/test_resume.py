"""``fit --resume``: an interrupted run remembers its command and ends as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from transferium.system.checked_files import write_sealed_json
from transferium.training.logs.journal import read_log
from worlds.tables import clusters

JOB = ("--method", "dann", "--set", "epochs=3", "--set", "batch_size=16")


def write_table(path: Path, x: np.ndarray, y: np.ndarray | None) -> Path:
    header = [f"f{i}" for i in range(x.shape[1])] + (["label"] if y is not None else [])
    rows = [[*map(repr, r.tolist()), *(["abc"[y[i]]] if y is not None else [])] for i, r in enumerate(x)]
    path.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """A target without labels and a source with them."""
    x, y = clusters(60, 0)
    z, _ = clusters(60, 1, turn=0.8)
    return write_table(tmp_path / "target.csv", z, None), write_table(tmp_path / "source.csv", x, y)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """The process gets a signal in the middle of a step, once."""
    from transferium.training.loop.episode import Episode

    def at(step: int, number: signal.Signals = signal.SIGTERM) -> None:
        take, left = Episode.take_step, [1]

        def take_and_ask(self, cut):
            if self.step == step and left.pop() if left else False:
                os.kill(os.getpid(), number)
            return take(self, cut)

        monkeypatch.setattr(Episode, "take_step", take_and_ask)

    return at


def same_model(a: Path, b: Path) -> bool:
    return all((a / n).read_bytes() == (b / n).read_bytes() for n in ("model.safetensors", "predictions.csv"))


def fails(ran: object, *words: str) -> None:
    assert ran.code == 2, (ran.out, ran.err)
    for word in words:
        assert word in ran.err, ran.err


@pytest.fixture
def stopped(tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, interrupt: Callable) -> Path:
    """A run that SIGTERM ended in its fifth step."""
    target, source = tables
    interrupt(4)
    ran = run_cli("fit", target, "--source", source, "--out", tmp_path / "run", *JOB)
    assert ran.code == 143 and ran.err.count("\n") == 1, ran.err
    assert f"Go on with: transferium fit --resume {tmp_path / 'run'}" in ran.err
    return tmp_path / "run"


def test_an_interrupted_adaptation_goes_on_and_ends_as_if_it_had_not_been(
    stopped: Path, tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads((stopped / "state" / "command.json").read_text())
    assert told["command"].startswith("transferium") and "torch" in told["versions"]
    assert told["options"]["data"] == str(tables[0]) and told["options"]["source"] == [str(tables[1])]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran = run_cli("fit", "--resume", stopped)
    assert ran.code == 0, ran.err
    assert Path.cwd() == tmp_path / "elsewhere"
    monkeypatch.undo()
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    assert run_cli("fit", tables[0], "--source", tables[1], "--out", tmp_path / "whole", *JOB).code == 0
    assert same_model(stopped, tmp_path / "whole")
    assert not (stopped / "state").exists()

    entries = read_log(stopped / "log.jsonl")
    events = [e["event"] for e in entries if "event" in e]
    assert events[0] == "started" and events[-1] == "finished"
    assert {"interrupted", "resumed", "stage resumed", "stage finished"} <= set(events)
    steps = [{k: v for k, v in e.items() if k != "time"} for e in entries if "event" not in e]
    whole = [e for e in read_log(tmp_path / "whole" / "log.jsonl") if "event" not in e]
    assert steps == [{k: v for k, v in e.items() if k != "time"} for e in whole]
    assert [e["step"] for e in steps] == list(range(len(steps)))


def test_ctrl_c_is_130_and_the_same_command_goes_on(
    tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, interrupt: Callable
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    job = ("fit", tables[0], "--source", tables[1], "--out", tmp_path / "run", *JOB)
    interrupt(4, signal.SIGINT)
    ran = run_cli(*job)
    signal.signal(signal.SIGINT, before)
    assert ran.code == 130 and "transferium fit --resume" in ran.err and ran.err.count("\n") == 1
    assert (tmp_path / "run" / "state" / "step.safetensors").exists()
    assert run_cli(*job).code == 0
    events = [e["event"] for e in read_log(tmp_path / "run" / "log.jsonl") if "event" in e]
    assert events.count("stage started") == events.count("stage resumed") == 1


def test_asked_to_end_before_training_it_leaves_what_can_be_gone_on_from(
    tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transferium.embedding.embed import Embedder

    embed = Embedder.__call__

    def asked(self, *args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        return embed(self, *args, **kwargs)

    monkeypatch.setattr(Embedder, "__call__", asked)
    ran = run_cli("fit", tables[1], "--label", "label", "--method", "probe", "--out", tmp_path / "run")
    assert ran.code == 143 and "transferium fit --resume" in ran.err
    assert (tmp_path / "run" / "state" / "command.json").exists()
    monkeypatch.setattr(Embedder, "__call__", embed)
    assert run_cli("fit", "--resume", tmp_path / "run").code == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["method"] == "probe"


def test_a_finished_run_says_so_and_is_left_alone(tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable) -> None:
    out = tmp_path / "run"
    assert run_cli("fit", tables[1], "--label", "label", "--method", "probe", "--out", out).code == 0
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    ran = run_cli("fit", "--resume", out)
    assert ran.code == 0 and "is finished: nothing was changed" in ran.out
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before
    assert [e["event"] for e in read_log(out / "log.jsonl")] == ["started", "finished"]


def test_nothing_to_resume(tmp_path: Path, run_cli: Callable) -> None:
    fails(run_cli("fit", "--resume", tmp_path / "nothing"), "nothing to resume", "does not exist")
    (tmp_path / "other").mkdir()
    fails(run_cli("fit", "--resume", tmp_path / "other"), "holds no state/command.json", "whole command")
    fails(run_cli("fit"), "Missing argument 'DATA'")


def test_another_option_beside_resume(stopped: Path, run_cli: Callable) -> None:
    fails(run_cli("fit", "--resume", stopped, "--seed", "3"), "it was given --seed", f"--out {stopped}", "--restart")
    fails(run_cli("fit", "data", "--resume", stopped, "--set", "lr=1"), "DATA, --set")


def test_data_that_has_moved(stopped: Path, tables: tuple[Path, Path], run_cli: Callable, tmp_path: Path) -> None:
    there = tables[0].rename(tmp_path / "moved.csv")
    fails(run_cli("fit", "--resume", stopped), f"was at {tables[0]}", "nothing is there now", f"--out {stopped}")
    ran = run_cli("fit", there, "--source", tables[1], "--out", stopped, *JOB)
    assert ran.code == 0, ran.err
    assert "stage resumed" in (stopped / "log.jsonl").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs=3": "epochs=5"}, "method.epochs 3 → 5"),
        ({"dann": "mcc"}, "other options: method.name dann → mcc. Go on"),
        ({"--seed": "3"}, "seed 0 → 3"),
        ({"--lr": "0.5"}, "method.lr 0.001 → 0.5"),
    ],
)
def test_other_options_are_refused_and_said_before_any_work(
    stopped: Path, tables: tuple[Path, Path], run_cli: Callable, change: dict[str, str], said: str
) -> None:
    job = ("fit", tables[0], "--source", tables[1], "--out", stopped, *(change.get(word, word) for word in JOB))
    for word, value in change.items():
        job = job if word in JOB else (*job, word, value)
    fails(run_cli(*job), said, "--restart", f"--resume {stopped}")
    assert (stopped / "state" / "step.safetensors").exists()
    ran = run_cli(*job, "--restart")
    assert ran.code == 0, ran.err
    assert "stage resumed" not in (stopped / "log.jsonl").read_text()


@pytest.mark.parametrize("rate", [("--set", "lr=1e-3"), ("--lr", "0.001")])
def test_the_same_settings_in_other_words_are_the_same(
    stopped: Path, tables: tuple[Path, Path], run_cli: Callable, rate: tuple[str, str]
) -> None:
    same = ("--method", "dann", "--set", "batch_size=16", "--set", "epochs=3", *rate)
    assert run_cli("fit", tables[0], "--source", tables[1], "--out", stopped, *same).code == 0


def test_changed_data_is_refused_and_said(stopped: Path, tables: tuple[Path, Path], run_cli: Callable) -> None:
    x, y = clusters(80, 5)
    write_table(tables[1], x, y)
    fails(run_cli("fit", "--resume", stopped), "stream source", "features examples", "→", "--restart")
    assert (stopped / "state" / "step.safetensors").exists()
    ran = run_cli("fit", "--resume", stopped, "--restart")
    assert ran.code == 0, ran.err


def test_a_mistake_beside_restart_throws_nothing_away(
    stopped: Path, tables: tuple[Path, Path], run_cli: Callable
) -> None:
    job = ("fit", tables[0], "--source", tables[1], "--out", stopped, *JOB, "--restart")
    fails(run_cli(*job, "--set", "epoch=3"), "Did you mean 'epochs'?")
    fails(run_cli("fit", tables[0], "--source", f"{tables[1]}x", "--out", stopped, *JOB, "--restart"), "does not exist")
    assert (stopped / "state" / "step.safetensors").exists()


def test_a_search_in_the_folder_of_an_interrupted_fit(
    stopped: Path, tables: tuple[Path, Path], run_cli: Callable
) -> None:
    ran = run_cli("tune", tables[1], "--label", "label", "--method", "probe", "--out", stopped, "--trials", "1")
    fails(ran, "holds an interrupted fit", f"transferium fit --resume {stopped}", "--restart")
    assert sorted(p.name for p in (stopped / "state").iterdir()) == ["command.json", "log.jsonl", "step.safetensors"]


def test_a_damaged_memory_of_the_command(stopped: Path, run_cli: Callable) -> None:
    path = stopped / "state" / "command.json"
    told = path.read_text()
    for damaged in ("{", told.replace('"seed": 0', '"seed": 1'), told.replace('"seal"', '"seam"'), "[" * 100_000):
        path.write_text(damaged)
        fails(run_cli("fit", "--resume", stopped), "command.json is damaged", "whole command again")


def test_other_versions_are_said(stopped: Path, run_cli: Callable) -> None:
    path = stopped / "state" / "command.json"
    told = json.loads(path.read_text())
    write_sealed_json(path, told | {"versions": told["versions"] | {"torch": "1.0"}})
    ran = run_cli("fit", "--resume", stopped)
    assert ran.code == 0 and "other versions (torch 1.0 →" in ran.err


def test_a_full_disk_at_the_end_keeps_what_was_trained(
    tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(self, content):
        if self.name == "model.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    out = tmp_path / "run"
    job = ("fit", tables[0], "--source", tables[1], "--out", out, *JOB)
    fails(run_cli(*job), "No space left on device", "Make room and give the same command again")
    assert (out / "state" / "stage-000.safetensors").exists() and not (out / "model.json").exists()
    assert read_log(out / "state" / "log.jsonl")[-1]["event"] == "failed"
    monkeypatch.setattr(Path, "write_bytes", write)
    ran = run_cli("fit", "--resume", out)
    assert ran.code == 0, ran.err
    events = [e["event"] for e in read_log(out / "log.jsonl") if "event" in e]
    assert events.count("stage finished") == 1, "what was trained was loaded"


def test_a_full_disk_at_the_start(tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable, monkeypatch) -> None:
    def full(self, *_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    ran = run_cli("fit", tables[0], "--source", tables[1], "--out", tmp_path / "run", *JOB)
    fails(ran, "cannot be written", "No space left", "Make room")


def test_curves_stay_with_the_finished_run(tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable) -> None:
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    ran = run_cli("fit", tables[0], "--source", tables[1], "--out", out, *JOB, "--track", "tensorboard")
    assert ran.code == 0, ran.err
    assert any((out / "track").rglob("events.out.tfevents*"))
