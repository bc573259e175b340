"""``fit --lr auto``: rates are tested, one is taken, and run and report say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

SMALL = ("--set", "size=32", "--set", "epochs=2", "--set", "unfreeze=1", "--set", "augment=none")


def test_a_rate_is_found_said_and_drawn(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--method", "finetune", *SMALL, "--lr", "auto")
    assert ran.code == 0, ran.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    tested = [r for r in metrics["history"] if r["stage"] == "range test"]
    chosen = metrics["selection"]["chosen"]["lr"]
    assert 5 < len(tested) <= 100 and tested[0]["lr"] < chosen <= 0.01
    assert "by a range test of" in metrics["selection"]["notes"][-1]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Learning rates tested" in page and f"Trained at a rate of {chosen:.3g}." in page


def test_a_rate_that_is_none_is_named(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    for given, method, words in (
        ("aut", "finetune", "lr is a number, as in lr=0.0001, or auto"),
        ("0", "finetune", "lr=0.0 trains nothing"),
        ("auto", "probe", "method 'probe' has no setting 'lr'"),
    ):
        ran = run_cli("fit", images, "--out", tmp_path / "run", "--method", method, "--lr", given)
        assert ran.code == 2 and words in ran.err, ran.err


def test_a_rate_given_twice_is_refused(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--method", "finetune", "--lr", "1e-4", "--set", "lr=1e-3")
    assert ran.code == 2 and "--lr is short for --set lr, and both were given" in ran.err
    assert not (tmp_path / "run").exists()
