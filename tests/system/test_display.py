"""What a user who waits is shown."""

from __future__ import annotations

import sys
import threading

import pytest

from transferium.system import display as module
from transferium.system.display import Display, at_work, display


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


def test_work_that_counts_nothing_is_named_every_ten_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    show = Display(bars=False)
    with show.at_work("fit"):
        for second in range(51):
            clock[0] = float(second)
            if second == 25:
                show("read", 0, 100)
            if second == 26:
                show("read", 50, 100)
            if second == 40:
                with show.within("source 1").at_work("doctor"):
                    show.remind()
            show.remind()
    show.remind()
    assert capsys.readouterr().err.splitlines() == [
        "fit: at work for 10 s",
        "fit: at work for 20 s",
        "fit: at work for 30 s",
        "source 1: doctor: at work for 0 s",
        "fit: at work for 50 s",
    ]


def test_a_terminal_keeps_a_clock_running_until_something_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show = Display(bars=True)
    with show.at_work("fit"):
        show._keep_running("fit", 0.5)
        assert capsys.readouterr().err == ""
        show._keep_running("fit", 3.0)
        assert "fit: at work for 3 s" in capsys.readouterr().err
        show("train", 0, 10)
        assert show._waiting is None
        show._keep_running("fit", 4.0)
        assert "at work" not in capsys.readouterr().err.split("train")[-1]
        show("train", 10, 10)
    assert show._waiting is None and not show._working


def test_what_waits_for_others_is_not_said_to_be_at_work(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    show = Display(bars=False)
    with show.at_work("serve"), show.at_work(""):
        for second in range(100):
            clock[0] = float(second)
            show.remind()
    assert capsys.readouterr().err == ""


def test_at_work_takes_any_progress_and_ends_its_clock() -> None:
    before = threading.active_count()
    with at_work(None, "fit"), at_work(lambda _what, _done, _total: None, "fit"):
        assert threading.active_count() == before
    with at_work(Display(bars=False), "fit"):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_python_shows_progress_where_it_is_asked_for_and_in_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert display(None) is None and display(False) is None
    asked = display(True)
    assert asked is not None and not asked.bars
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    notebook = display(None)
    assert notebook is not None and notebook.bars and display(False) is None
