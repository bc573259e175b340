"""A run whose loss became no number stands in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from transferium.training.logs.journal import read_log


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 4)) + 2 * (np.arange(48) % 2)[:, None]
    rows = [",".join([*map("{:.4f}".format, row), "ab"[i % 2]]) for i, row in enumerate(x)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["f0,f1,f2,f3,label", *rows]))
    return path


@pytest.fixture
def job(data: Path, tmp_path: Path) -> tuple[object, ...]:
    target = tmp_path / "target.csv"
    target.write_text("\n".join(line.rsplit(",", 1)[0] for line in data.read_text().splitlines()))
    return ("fit", target, "--source", data, "--method", "mcc", "--out", tmp_path / "run", "--no-store")


@pytest.fixture
def diverged(job: tuple[object, ...], tmp_path: Path, run_cli: Callable) -> Path:
    ran = run_cli(*job, "--set", "lr=1e30", "--set", "epochs=2")
    out = tmp_path / "run"
    assert ran.code == 2 and "The weights are those of the step before. Try a lower learning rate" in ran.err, ran.err
    assert f"The last good weights are in {out / 'state' / 'last_good.safetensors'}." in ran.err
    assert f"A command with other settings, or on mended data, and --out {out} begins anew." in ran.err
    assert (out / "state" / "last_good.safetensors").exists()
    return out


def test_another_command_begins_anew(diverged: Path, job: tuple[object, ...], run_cli: Callable) -> None:
    ran = run_cli(*job, "--set", "epochs=2")
    assert ran.code == 0, ran.err
    assert "failed" not in [e.get("event") for e in read_log(diverged / "log.jsonl")]
    assert not (diverged / "state").exists()


def test_a_mistake_in_the_other_command_throws_nothing_away(
    diverged: Path, job: tuple[object, ...], run_cli: Callable
) -> None:
    ran = run_cli(*job, "--set", "epoch=2")
    assert ran.code == 2 and "Did you mean 'epochs'?" in ran.err
    ran = run_cli(*job[:2], "--source", f"{job[3]}x", *job[4:])
    assert ran.code == 2 and "does not exist" in ran.err
    assert (diverged / "state" / "last_good.safetensors").exists()


def test_a_search_begins_anew(diverged: Path, data: Path, run_cli: Callable) -> None:
    pytest.importorskip("optuna")
    search = ("--method", "probe", "--search", "folds=2:4", "--folds", 2, "--trials", 1)
    ran = run_cli("tune", data, "--label", "label", "--out", diverged, *search)
    assert ran.code == 0, ran.err
    assert not (diverged / "state").exists()


def test_resume_ends_where_it_ended(diverged: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", "--resume", diverged)
    assert ran.code == 2 and "The weights are those of the step before" in ran.err
    assert [e["event"] for e in read_log(diverged / "state" / "log.jsonl") if "event" in e].count("resumed") == 1


def test_interrupted_on_its_second_way_it_is_not_thrown_away(
    diverged: Path, job: tuple[object, ...], run_cli: Callable
) -> None:
    log = diverged / "state" / "log.jsonl"
    log.write_text(log.read_text() + '{"event": "resumed"}\n{"event": "interrupted"}\n')
    ran = run_cli(*job, "--set", "epochs=2")
    assert ran.code == 2 and "has other options: method.lr 1e+30" in ran.err, ran.err
