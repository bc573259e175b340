"""``fit --shots K --draws N``: one table, in the terminal, in JSON and in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from worlds.tables import clusters, write_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    x, y = clusters(90, 0)
    return write_table(tmp_path / "rows.csv", x, y)


def test_the_table_is_in_json_in_the_terminal_and_in_the_report(table: Path, run_cli: Callable) -> None:
    asked = ("fit", table, "--shots", 4, "--draws", 3, "--method", "ncm,knn,zero-shot", "--out", table.parent / "run")
    ran = run_cli(*asked, "--json")
    assert ran.code == 0, ran.err
    told, metrics = ran.json["few_shots"], ran.json
    assert metrics["division"]["train"] == 12 and metrics["method"] == "ncm"
    assert [row["method"] for row in told["methods"]] == ["ncm", "knn", "zero-shot"]
    assert (
        len(told["methods"][0]["draws"]) == 3 and told["methods"][0]["draws"][0] == metrics["test"]["accuracy"]["value"]
    )
    page = (table.parent / "run" / "report.html").read_text()
    assert "With 4 labels a class" in page and "over 3 draws" in page and "zero-shot was left out" in page
    shown = run_cli(*asked).out
    assert "4 labels a class, 3 draws" in shown and "zero-shot was left out" in shown


def test_what_cannot_be_drawn_is_refused(table: Path, run_cli: Callable) -> None:
    more = run_cli("fit", table, "--shots", 500, "--out", table.parent / "run")
    assert more.code == 2 and "and 500 of each class were asked for" in more.err and "--shots" in more.err
    assert not (table.parent / "run").exists()
    assert "there is no --shots" in run_cli("fit", table, "--draws", 3).err
    assert "leave it out beside --source" in run_cli("fit", table, "--shots", 3, "--source", table).err
