"""Distillation on the command line: the run says what the student keeps of its teacher, what both cost, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from worlds.tables import clusters, write_table


def test_a_run_holds_teacher_student_and_the_student_alone(tmp_path: Path, run_cli: Callable) -> None:
    data, (teacher, out) = write_table(tmp_path / "rows.csv", *clusters(120, 0)), (tmp_path / "t", tmp_path / "s")
    assert run_cli("fit", data, "--method", "probe", "--out", teacher, "--quiet").code == 0
    how = ["--set", f"teacher={teacher}", "--set", "epochs=2", "--set", "hidden=4", "--set", "ema_decay=0.9"]
    ran = run_cli("fit", data, "--method", "distil", *how, "--seed", "1", "--out", out)
    assert ran.code == 0 and ran.err.count("ema_decay=0.9 has no effect") == 1, ran.err
    run = json.loads((out / "metrics.json").read_text())
    assert {"teacher", "without_teacher", "majority"} <= run["references"].keys()
    told = run["rivals"]
    assert told["costs"].keys() == {"model", "teacher", "without_teacher"} and told["decided_by"] == "without_teacher"
    assert told["costs"]["model"]["parameters"] == 8 * 4 + 4 + 4 * 3 + 3
    kept = run["test"]["accuracy"]["value"] / run["references"]["teacher"]["accuracy"]["value"]
    assert told["kept"]["teacher"] == kept
    difference = run["test"]["accuracy"]["value"] - run["references"]["without_teacher"]["accuracy"]["value"]
    assert np.isclose(run["difference"]["value"], difference) and run["difference"]["low"] is not None
    assert "without its teacher" in run["verdict_sentence"] and "the model has of its figure" in ran.out
    assert any("learned from by the teacher: its figure is too good" in remark for remark in run["remarks"])
    page = (out / "report.html").read_text()
    assert "What it costs" in page and "Gain over without teacher" in page
    assert not (out / "state").exists()


def test_a_teacher_with_other_classes_is_refused_and_nothing_is_written(tmp_path: Path, run_cli: Callable) -> None:
    x, y = clusters(90, 0)
    data, teacher = write_table(tmp_path / "three.csv", x, y), tmp_path / "t"
    two = write_table(tmp_path / "two.csv", x[y < 2], y[y < 2])
    assert run_cli("fit", two, "--method", "probe", "--out", teacher, "--quiet").code == 0
    ran = run_cli("fit", data, "--method", "distil", "--set", f"teacher={teacher}", "--out", tmp_path / "s")
    assert ran.code == 2 and "the teacher does not know 'c'" in ran.err
    assert not (tmp_path / "s" / "metrics.json").exists()
