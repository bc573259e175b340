"""What a terminal shows while a user waits, and what --quiet leaves of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from transferium.cli.progress import terminal_progress
from transferium.system import display
from transferium.training.logs import journal
from worlds.tables import clusters, write_table


def test_what_begins_is_announced_at_once_and_what_may_be_over_soon_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    show = terminal_progress()
    assert show is not None and show.bars
    show("train", 1, 500)
    assert "train" not in capsys.readouterr().err
    show("the model under attack", 0, 200)
    assert "the model under attack" in capsys.readouterr().err
    show("the model under attack", 200, 200)
    show("train", 500, 500)


def test_where_nobody_looks_there_are_lines_and_one_process_alone_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    show = terminal_progress()
    assert show is not None and not show.bars
    assert terminal_progress(quiet=True) is None
    monkeypatch.setenv("RANK", "1")
    assert terminal_progress() is None


def test_training_shows_its_loss_and_its_held_out_score(
    tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "EVERY_S", 0.0)
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    table = write_table(tmp_path / "t.csv", *clusters(120, 0))
    asked = ("fit", table, "--out", tmp_path / "run", "--method", "finetune", "--set", "epochs=3")
    ran = run_cli(*asked)
    assert ran.code == 0, ran.err
    assert "train: " in ran.err and "epoch 2, loss " in ran.err and "held-out accuracy 0." in ran.err
    quiet = run_cli("--quiet", *asked)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert run_cli(*asked, "--quiet", "--json").json["method"] == "finetune"
