"""``evaluate`` and ``predict`` say what was learned from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from worlds.tables import clusters, write_table

EARLIER = Path(__file__).parents[1] / "fixtures" / "version_0_1"


def test_the_training_table_is_no_proof(tmp_path: Path, run_cli: Callable) -> None:
    table = write_table(tmp_path / "t.csv", *clusters(120, 0))
    told = run_cli("fit", table, "--out", tmp_path / "run", "--method", "probe", "--json").json
    n = told["division"]["train"]
    ran = run_cli("evaluate", tmp_path / "run", table)
    assert (
        f"{n} of these 120 were learned from, and are not evaluated on" in ran.out
        and "training accuracy" not in ran.out
    )
    again = run_cli("evaluate", tmp_path / "run", table, "--json").json
    assert (again["given"], again["learned_from"], again["learned_from_known"]) == (120, n, True)
    assert again["accuracy"] == told["test"]["accuracy"] and again["examples"] == told["test"]["examples"]
    ran = run_cli("predict", tmp_path / "run", table, "--out", tmp_path / "p.csv")
    assert f"note: {n} of these 120 were learned from" in ran.err and "note" not in ran.out


def test_figures_of_training_are_called_so(tmp_path: Path, run_cli: Callable) -> None:
    for part, seed in (("train", 0), ("test", 1)):
        write_table(tmp_path / f"{part}.csv", *clusters(80, seed))
    header, *rows = (tmp_path / "train.csv").read_text().splitlines()
    _, *held = (tmp_path / "test.csv").read_text().splitlines()
    divided = [f"{header},part", *(f"{row},train" for row in rows), *(f"{row},test" for row in held)]
    (tmp_path / "all.csv").write_text("\n".join(divided) + "\n")
    asked = ("fit", tmp_path / "all.csv", "--part", "part", "--out", tmp_path / "run", "--method", "probe")
    assert run_cli(*asked).code == 0
    ran = run_cli("evaluate", tmp_path / "run", tmp_path / "train.csv")
    assert "training accuracy" in ran.out and "80 of these 80 were learned from: the figures are of training" in ran.out
    assert "learned from" not in run_cli("evaluate", tmp_path / "run", tmp_path / "test.csv").out
    assert run_cli(*asked, "--forget-data").code == 0
    ran = run_cli("evaluate", tmp_path / "run", tmp_path / "train.csv")
    assert "training accuracy" not in ran.out and "cannot be checked" in ran.out and "--forget-data" in ran.out


def test_an_earlier_model_says_that_it_cannot_be_checked(tmp_path: Path, run_cli: Callable) -> None:
    run = EARLIER / "rows_knn"
    names = json.loads((run / "model.json").read_text())["classes"]
    header, *rows = (run / "input.csv").read_text().splitlines()
    labelled = [f"{header},label", *(f"{row},{names[i % 2]}" for i, row in enumerate(rows))]
    (tmp_path / "t.csv").write_text("\n".join(labelled) + "\n")
    ran = run_cli("evaluate", run, tmp_path / "t.csv", "--label", "label")
    assert ran.code == 0, ran.err
    assert "Whether any of these were learned from cannot be checked" in ran.out
