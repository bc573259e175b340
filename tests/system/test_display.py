"""What a user who waits is shown."""

from __future__ import annotations

import sys

import pytest

from transferium.system import display as module
from transferium.system.display import Display, display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still unless it is moved."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_there_is_a_line_every_ten_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    show = Display(bars=False)
    for second in range(36):
        clock[0] = float(second)
        if second == 20:
            show.figures("train", "epoch 2, loss 0.5")
        show("train", second, 100)
    assert capsys.readouterr().err.splitlines() == [
        "train: 10 of 100 (10 %), about 90 s left",
        "train: 20 of 100 (20 %), about 80 s left; epoch 2, loss 0.5",
        "train: 30 of 100 (30 %), about 70 s left; epoch 2, loss 0.5",
    ]


def test_what_is_over_soon_is_not_worth_a_line_and_what_cannot_be_divided_is(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    show = Display(bars=False)
    for done in range(101):
        show("read", done, 100)
    show("export the graph", 0, 1)
    show("export the graph", 1, 1)
    assert capsys.readouterr().err == "export the graph\n"


def test_a_bar_shows_the_figures_and_parts_keep_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    show = Display(bars=True)
    part = show.within("source 1")
    part("train", 0, 10)
    part.figures("train", "loss 0.25")
    assert not part.due() and "source 1: train" in capsys.readouterr().err
    assert show._drawn["source 1: train"].postfix == "loss 0.25"
    part("train", 10, 10)
    assert not show._drawn


def test_python_shows_progress_where_it_is_asked_for_and_in_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert display(None) is None and display(False) is None
    asked = display(True)
    assert asked is not None and not asked.bars
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    notebook = display(None)
    assert notebook is not None and notebook.bars and display(False) is None
