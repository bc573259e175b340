"""``transferium tune`` from the command line, on a table of features so that a trial is a moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from transferium.methods.model_selection import search as tuned
from transferium.training.logs.trackers import Tracks


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 4)) + 2 * y[:, None]
    lines = ["a,b,c,d,label", *(",".join(map(str, [*row, ["no", "yes"][k]])) for row, k in zip(x, y, strict=True))]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def search(run_cli: Callable, table: Path, out: Path, *more: object, folds: int = 2):
    return run_cli("tune", table, "--method", "probe", "--search", "folds=2:4", "--folds", folds, "--out", out, *more)


def test_a_search_leaves_a_run_with_its_trials_in_figures_and_drawn(table, tmp_path, run_cli):
    ran = search(run_cli, table, tmp_path / "run", "--trials", 3, "--label", "label")
    assert ran.code == 0, ran.err
    assert "Rule: lowest log-loss over folds" in ran.out
    run = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [row["trial"] for row in run["selection"]["candidates"]] == [0, 1, 2]
    page = (tmp_path / "run" / "report.html").read_text()
    assert 'class="chart parallel"' in page and page.count('<polyline class="trial') == 3
    assert run_cli("predict", tmp_path / "run", table, "--label", "label").code == 0


def test_an_interrupted_search_says_how_to_go_on_and_does(table, tmp_path, run_cli, monkeypatch):
    def stop(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tuned, "best_trial", stop)
        ran = search(run_cli, table, tmp_path / "run", "--trials", 2)
    assert ran.code == 130 and "Go on with: transferium" in ran.err
    assert (tmp_path / "run" / "state" / tuned.STUDY).exists()
    ran = search(run_cli, table, tmp_path / "run", "--trials", 2)
    assert ran.code == 0, ran.err
    assert not (tmp_path / "run" / "state").exists()


def test_trackers_are_sent_the_last_fit_alone(table, tmp_path, run_cli, monkeypatch):
    sent = []
    monkeypatch.setattr(Tracks, "steps", lambda _self, rows: sent.extend(rows))
    fixed = ("--set", "epochs=2", "--search", "lr", "--trials", 1, "--folds", 2, "--track", "tensorboard")
    ran = run_cli("tune", table, "--out", tmp_path / "run", *fixed)
    assert ran.code == 0, ran.err
    run = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [row["step"] for row in sent] == [row["step"] for row in run["history"]]


def test_another_search_in_the_same_storage_is_refused(table, tmp_path, run_cli):
    storage = tmp_path / "study.db"
    assert search(run_cli, table, tmp_path / "a", "--trials", 1, "--storage", storage).code == 0
    ran = search(run_cli, table, tmp_path / "b", "--trials", 2, "--storage", storage, "--seed", 1)
    assert ran.code == 2 and "belongs to another search" in ran.err and "seed 0 → 1" in ran.err
    assert not (tmp_path / "b" / "metrics.json").exists()


@pytest.fixture
def stopped(table, tmp_path, run_cli, monkeypatch):
    """The folder of a search that was cut off after its trials."""

    def stop(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tuned, "best_trial", stop)
        assert search(run_cli, table, tmp_path / "run", "--trials", 1).code == 130
    return tmp_path / "run"


def test_another_search_in_the_folder_of_one_that_was_cut_off(stopped, table, tmp_path, run_cli):
    kept = (stopped / "state" / tuned.STUDY).read_bytes()
    other = ("tune", table, "--method", "ncm", "--search", "folds=2:4", "--folds", 2, "--out", stopped, "--trials", 1)
    lines = table.read_text().splitlines()
    (changed := tmp_path / "changed.csv").write_text("\n".join(lines[:-4]) + "\n")
    for ran, said in (
        (run_cli(*other), "method probe → ncm"),
        (search(run_cli, changed, stopped, "--trials", 1), "training examples 60 row examples, 2 classes, "),
        (search(run_cli, table, stopped, "--trials", 1, folds=3), "folds 2 → 3"),
    ):
        assert ran.code == 2 and "belongs to another search" in ran.err and said in ran.err, ran.err
        assert "name another --out, or add --restart to throw it away" in ran.err
        assert (stopped / "state" / tuned.STUDY).read_bytes() == kept
    assert run_cli(*other, "--restart").code == 0
    assert json.loads((stopped / "metrics.json").read_text())["method"] == "ncm"


def test_a_fit_in_the_folder_of_a_search_that_was_cut_off(stopped, table, run_cli):
    job = ("fit", table, "--label", "label", "--method", "probe", "--out", stopped)
    ran = run_cli(*job)
    assert ran.code == 2 and "holds an interrupted search" in ran.err and "--restart" in ran.err
    ran = run_cli("fit", "--resume", stopped)
    assert ran.code == 2 and "give the whole tune command again" in ran.err
    assert run_cli(*job, "--restart", "--set", "folds=1").code == 2
    assert (stopped / "state" / tuned.STUDY).exists(), "a mistake threw nothing away"
    assert run_cli(*job, "--restart").code == 0
    assert not (stopped / "state").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--search", "fold"), "Did you mean 'folds'"),
        (("--trials", 0), "trials must be at least 1"),
        (("--timeout", "5x"), "Invalid value for --timeout: '5x' is not a duration"),
        (("--set", "folds=3"), "folds is both fixed by --set and searched"),
    ],
)
def test_bad_searches_are_said(table, tmp_path, run_cli, more, message):
    ran = search(run_cli, table, tmp_path / "run", *more)
    assert ran.code == 2 and message in ran.err and "Traceback" not in ran.err
