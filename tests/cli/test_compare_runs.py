"""``transferium compare-runs``: paired tests on one test part, and refusals that say what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from transferium.functional.metrics.mcnemar import mcnemar
from worlds.tables import clusters, write_table


@pytest.fixture
def fitted(tmp_path: Path, run_cli: Callable) -> Callable[..., Path]:
    """``fitted(name, method, seed)``: a run on one table."""
    x, y = clusters(90, 0)
    table = write_table(tmp_path / "rows.csv", x + np.random.default_rng(1).normal(size=x.shape) * 2, y)

    def fit(name: str, method: str, seed: int = 0) -> Path:
        ran = run_cli("fit", table, "--method", method, "--seed", seed, "--out", tmp_path / name)
        assert ran.code == 0, ran.err
        return tmp_path / name

    return fit


def spoiled(run: Path, name: str, change: Callable[[list[list[str]]], None]) -> Path:
    """A copy of a run with other predictions."""
    twin = run.with_name(name)
    shutil.copytree(run, twin)
    rows = [line.split(",") for line in (run / "predictions.csv").read_text().splitlines()]
    change(rows)
    (twin / "predictions.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return twin


def test_two_runs_on_one_test_part(fitted: Callable[..., Path], run_cli: Callable) -> None:
    probe = fitted("probe", "probe")

    def all_wrong(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[2] = "nothing"

    bad = spoiled(probe, "bad", all_wrong)
    told = run_cli("compare-runs", probe, bad, "--json").json
    metrics = json.loads((probe / "metrics.json").read_text())
    accuracy = metrics["test"]["accuracy"]["value"]
    assert told["accuracy"] == {"a": pytest.approx(accuracy), "b": 0.0}
    assert told["examples"] == metrics["division"]["test"] and told["only_b"] == 0
    assert told["only_a"] == round(accuracy * told["examples"])
    assert told["p_value"] == mcnemar(told["only_a"], 0) < 1e-3
    assert told["difference"]["low"] > 0.3 and told["verdict"] == "probe is better than bad"
    turned = run_cli("compare-runs", bad, probe).out
    assert "probe is better than bad" in turned and "McNemar's test: p = " in turned
    same = run_cli("compare-runs", probe, spoiled(probe, "same", lambda rows: None), "--json").json
    assert same["p_value"] == 1.0 and same["difference"]["low"] < 0 < same["difference"]["high"]
    assert same["verdict"] == "no evidence that probe and same differ"


def test_runs_on_different_data_are_refused_with_what_differs(
    fitted: Callable[..., Path], run_cli: Callable, tmp_path: Path
) -> None:
    probe, other = fitted("probe", "probe"), fitted("other", "ncm", seed=1)
    ran = run_cli("compare-runs", probe, other)
    assert ran.code == 2 and "of probe alone (" in ran.err and "of other alone (" in ran.err
    assert "the same data and seed" in ran.err

    def relabelled(rows: list[list[str]]) -> None:
        rows[1][1] = "another"

    ran = run_cli("compare-runs", probe, spoiled(probe, "relabelled", relabelled))
    assert ran.code == 2 and "1 example with different labels" in ran.err
    twin = spoiled(probe, "twin", lambda rows: None)
    facts = json.loads((twin / "metrics.json").read_text())
    facts["provenance"]["data"] = "0" * 64
    (twin / "metrics.json").write_text(json.dumps(facts))
    ran = run_cli("compare-runs", probe, twin)
    assert ran.code == 2 and "the same names and labels, but the data is not the same" in ran.err
    (twin / "metrics.json").write_text("{")
    assert run_cli("compare-runs", probe, twin).code == 2
    ran = run_cli("compare-runs", probe, tmp_path)
    assert ran.code == 2 and "is no finished run" in ran.err
