"""``evaluate --full``, ``--quick`` and ``--by`` as their users give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.evaluation.sides.every_side import SIDES


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two numbers that tell two classes apart, worse in the south; a column that is empty in places."""
    rng = np.random.default_rng(0)
    y, south = rng.integers(0, 2, 240), np.arange(240) % 2 == 0
    x = rng.normal(size=(240, 2)) + 3 * y[:, None]
    hidden = np.where(south & (rng.random(240) < 0.4), 1 - y, y)
    rows = [
        f"{a:.3f},{b:.3f},{k},{'south' if s else 'north'},{'' if i % 3 else 'known'},{'train' if i < 120 else 'test'}"
        for i, ((a, b), k, s) in enumerate(zip(x, hidden, south, strict=True))
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a,b,label,side,note,part", *rows]) + "\n")
    return path


def test_all_sides_come_as_json_and_in_words(run_cli: Any, table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_cli("fit", table, "--columns", "a,b", "--part", "part", "--out", run, "--quiet").code == 0
    plain = run_cli("evaluate", run, table, "--part", "part", "--json").json
    full = run_cli("evaluate", run, table, "--part", "part", "--quick", "--by", "side", "--json").json
    assert set(full) - set(plain) == {*SIDES, "subgroups"} and {k: full[k] for k in plain} == plain
    assert full["train_test_gap"]["train_examples"] == full["train_test_gap"]["held_out_examples"] == 120
    groups = {row["group"]: row for row in full["subgroups"]["groups"]}
    assert groups["south"]["examples"] == groups["north"]["examples"] == 60
    assert full["subgroups"]["worse_off"] == ["south"]
    page = tmp_path / "sides.html"
    said = run_cli("evaluate", run, table, "--part", "part", "--quick", "--by", "note", "--report", page)
    assert f"Written to {page}." in said.out and "Subgroups" in page.read_text(encoding="utf-8")
    assert said.code == 0 and "(missing)" in said.out and "train-test gap" in said.out
    alone = run_cli("evaluate", run, table, "--part", "part", "--by", "side", "--json").json
    assert set(alone) - set(plain) == {"subgroups"}
    other = tmp_path / "other.csv"
    other.write_text("a,b\n" + "\n".join(f"{-50 - i},{60 + i}" for i in range(30)) + "\n")
    told = run_cli("evaluate", run, table, "--part", "part", "--against", other, "--json").json
    assert set(told) - set(plain) == {"out_of_distribution"}
    assert told["out_of_distribution"]["others"] == 30 and told["out_of_distribution"]["distance"]["value"] > 0.9


def test_a_column_that_cannot_be_compared_by_is_refused(
    run_cli: Any, table: Path, images: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert run_cli("fit", table, "--columns", "a,b", "--part", "part", "--out", run, "--quiet").code == 0
    ran = run_cli("evaluate", run, table, "--by", "label")
    assert ran.code == 2 and "--by label names the column of labels" in ran.err
    ran = run_cli("evaluate", run, table, "--by", "sid")
    assert ran.code == 2 and "has no column 'sid' (asked for as by)" in ran.err and "side" in ran.err
    ran = run_cli("evaluate", run, table, "--report", tmp_path / "page.html")
    assert ran.code == 2 and "--report shows what --full" in ran.err
    ran = run_cli("evaluate", run, table, "--by", "a")
    assert ran.code == 2 and "different values among these examples" in ran.err


def test_python_has_the_same_sides(table: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    X = rng.normal(size=(80, 2)) + 3 * y[:, None]
    model = tm.TransferClassifier(store=False).fit(X[:40], y[:40])
    with pytest.warns(TransferiumWarning, match="40 of these 80 were learned from"):
        found = model.evaluate((X, y), full="quick", by=np.where(np.arange(80) % 2, "odd", "even"))
    assert set(found.sides) == {*SIDES, "subgroups"} and found.as_dict()["latency"] == found.sides["latency"]
    assert model.evaluate((X[40:], y[40:])).sides == {}
    with pytest.raises(DataError, match="by= has 3 values for 40 examples"):
        model.evaluate((X[40:], y[40:]), by=[1, 2, 3])
    with pytest.raises(InputError, match="full='fast' must be False, True or 'quick'"):
        model.evaluate((X[40:], y[40:]), full="fast")
