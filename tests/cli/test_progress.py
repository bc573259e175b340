"""What a terminal shows while a user waits."""

from __future__ import annotations

import pytest

from transferium.cli.progress import terminal_progress


def test_what_begins_is_announced_at_once_and_what_may_be_over_soon_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    show = terminal_progress()
    assert show is not None
    show("train", 1, 500)
    assert "train" not in capsys.readouterr().err
    show("the model under attack", 0, 200)
    assert "the model under attack" in capsys.readouterr().err
    show("the model under attack", 200, 200)
    show("train", 500, 500)


def test_nobody_looks() -> None:
    assert terminal_progress() is None
