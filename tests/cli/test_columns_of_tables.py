"""What ``inspect`` and ``fit`` say of the columns of a table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

N = 240


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A label that needs two columns together, one that gives it away, and one that repeats another."""
    rng = np.random.default_rng(0)
    x, job = rng.normal(size=(N, 2)), rng.choice(["cook", "smith", ""], N)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "height", "inches", "job", "paid", "label"])
        for i in range(N):
            paid = "late" if y[i] else "never"
            writer.writerow([*(f"{v:.4f}" for v in x[i]), f"{x[i, 1] / 2.54:.7f}", job[i], paid, "ab"[y[i]]])
    return path


def test_inspect_has_a_line_for_each_column_and_names_the_suspicious(table: Path, run_cli: Callable) -> None:
    told = run_cli("inspect", table)
    assert told.code == 0, told.err
    lines = {line.split()[0]: line.split() for line in told.out.splitlines() if line}
    assert lines["job"][1] == "category" and "2" in lines["job"] and lines["paid"][-1] == "1.00"
    assert "column 'paid' (100 % of its variance): predicts the label alone: leak?" in told.out
    assert "column 'inches' (by 'height')" in told.out


def test_inspect_gives_the_same_as_json(table: Path, run_cli: Callable) -> None:
    told = run_cli("inspect", table, "--json").json
    by_name = {column["name"]: column for column in told["columns"]}
    assert list(by_name) == ["age", "height", "inches", "job", "paid"]
    assert by_name["paid"]["relation"] > 0.99 and by_name["job"]["missing"] > 0
    assert {"leaking-column", "duplicate-column"} <= {finding["kind"] for finding in told["findings"]}


def test_fit_warns_of_the_leak_and_says_where_boosting_is_better(
    table: Path, tmp_path: Path, run_cli: Callable
) -> None:
    told = run_cli("fit", table, "--out", tmp_path / "leak")
    assert told.code == 0 and "Mind: column 'paid'" in told.out, told.err
    run = run_cli("fit", table, "--drop", "paid", "--out", tmp_path / "run", "--json").json
    assert run["verdict_sentence"].endswith(run["gradient_boosting"]["sentence"])
    assert "Gradient boosting is clearly better here: use it." in run["verdict_sentence"]
    assert run["gradient_boosting"]["difference"]["low"] > 0
    gain = run["references"]["gradient_boosting"]["accuracy"]["value"] - run["test"]["accuracy"]["value"]
    assert run["gradient_boosting"]["difference"]["value"] == pytest.approx(gain)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Gradient boosting is clearly better here" in page and "decision trees on the same columns" in page
