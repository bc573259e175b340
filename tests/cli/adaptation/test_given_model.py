"""``fit NEW --source RUN``: a run is adapted without the data that it was made from."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.test_kill import IN_TRAINING, finish, run
from worlds.tables import clusters, spread_alike, write_table

SHORT = ("--set", "adapt_lr=0.003", "--set", "batch_size=32")


@pytest.fixture
def home(tmp_path: Path, run_cli: Callable) -> Path:
    """A run on labelled data that is gone."""
    x, y = clusters(150, 0)
    data = write_table(tmp_path / "s.csv", spread_alike(x), y)
    assert run_cli("fit", data, "--method", "probe", "--out", tmp_path / "home").code == 0
    data.unlink()
    return tmp_path / "home"


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """A target without labels, and with them."""
    z, truth = clusters(150, 1, turn=0.8)
    z = spread_alike(z)
    return write_table(tmp_path / "t.csv", z, None), write_table(tmp_path / "labelled.csv", z, truth)


def test_fit_from_a_run_then_evaluate_and_predict(
    home: Path, tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    target, labelled = tables
    out = tmp_path / "run"
    ran = run_cli("fit", target, "--source", home, "--method", "shot", *SHORT, "--out", out)
    assert ran.code == 0, ran.err
    assert "run: the model home is adapted without the examples that it was made from; all 150" in ran.out
    assert "how far apart the domains are cannot be said" in ran.out and "A-distance" not in ran.out
    assert "in the source" not in ran.out and "adapted predicts" in ran.out
    assert "the temperature is the given model's own" in ran.out and "cannot be said without target labels" in ran.out
    later = run_cli("evaluate", out, labelled)
    assert later.code == 0 and "Source only: accuracy" in later.out and "change (95 % interval)" in later.out
    told = run_cli("evaluate", out, labelled, "--json").json
    assert told["difference"]["value"] > 0
    assert run_cli("predict", out, target).code == 0
    again = run_cli("fit", labelled, "--source", out, "--method", "tent", "--out", tmp_path / "again", "--json")
    assert again.code == 0 and again.json["references"]["source_only"]["accuracy"] == told["accuracy"]


def test_bad_input_exits_with_2_and_leaves_nothing(
    home: Path, tables: tuple[Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    target, labelled = tables
    broken, narrow = tmp_path / "broken", tmp_path / "narrow.csv"
    broken.mkdir()
    (broken / "model.json").write_text("{}")
    narrow.write_text("f0,f1\n1,2\n2,3\n4,5\n")
    cases = {
        "'auto' learns from the source's labelled examples, and 'home' is a saved model": (target, "--source", home),
        "2 sources were given": (target, "--source", home, labelled, "--method", "shot"),
        "stay as they are with tuning=frozen": (target, "--source", home, "--method", "adabn"),
        "leave --backbone out": (target, "--source", home, "--method", "shot", "--backbone", "small_cnn"),
        "is damaged": (target, "--source", broken, "--method", "shot"),
        "f2": (narrow, "--source", home, "--method", "shot"),
        "--oracle chooses by target labels": (target, "--source", home, "--method", "shot", "--oracle"),
    }
    for message, arguments in cases.items():
        ran = run_cli("fit", *arguments, "--out", tmp_path / "bad")
        assert (ran.code, message in ran.err) == (2, True), ran.err
        assert not (tmp_path / "bad").exists()


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    home: Path, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    target, out = tables[0], tmp_path / "killed"
    job = ("fit", target, "--source", home, "--method", "shot", *SHORT, "--set", "rounds=20")
    finish(*job, "--out", tmp_path / "whole")
    code, said = run(*job, "--out", out, change=IN_TRAINING.format(how=int(signal.SIGKILL)))
    assert code == -signal.SIGKILL, said
    assert not (out / "metrics.json").exists()
    finish("fit", "--resume", out)
    for name in ("predictions.csv", "model.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    described = [json.loads((folder / "model.json").read_text()) for folder in (out, tmp_path / "whole")]
    assert described[0]["temperature"] == described[1]["temperature"]
