"""``transferium next``: a list that a labelling tool reads, without what was learned from, and refusals."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from worlds.tables import clusters, write_table


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of 30 rows, and a pool that holds them and 60 more, without labels."""
    folder = tmp_path_factory.mktemp("next")
    (x, y), (more, _) = clusters(30, 0), clusters(60, 1)
    names = np.array(["a", "b", "c"])
    tm.TransferClassifier("probe", store=False).fit(x, names[y]).save(folder / "run")
    return folder / "run", write_table(folder / "pool.csv", np.concatenate([x, more]).astype(np.float32), None)


def test_the_list_has_the_examples_in_order(world: tuple[Path, Path], run_cli: Callable, tmp_path: Path) -> None:
    run, pool = world
    ran = run_cli("next", run, pool, "--count", 7, "--out", tmp_path / "next.csv")
    assert ran.code == 0, ran.err
    with (tmp_path / "next.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["place"] for row in rows] == [str(i) for i in range(1, 8)]
    assert len({row["id"] for row in rows}) == 7 and {row["predicted"] for row in rows} <= set("abc")
    again = run_cli("next", run, pool, "--count", 7, "--json").json
    assert [row["id"] for row in again] == [row["id"] for row in rows]
    assert "7 of 90 examples (without 30 learned from)" in ran.out
    sure = run_cli("next", run, pool, "--count", 60, "--rule", "uncertainty", "--json").json
    assert [row["margin"] for row in sure] == sorted(row["margin"] for row in sure) and len(sure) == 60


def test_what_cannot_be_chosen_or_written_is_refused(
    world: tuple[Path, Path], run_cli: Callable, tmp_path: Path
) -> None:
    run, pool = world
    ran = run_cli("next", run, pool, "--out", pool)
    assert ran.code == 2 and "is something else than a list of examples to label" in ran.err
    x, _ = clusters(30, 0)
    known = write_table(tmp_path / "known.csv", x, None)
    ran = run_cli("next", run, known)
    assert ran.code == 2 and "nothing of 'known' is left to label" in ran.err
    tm.TransferRegressor("probe", store=False).fit(x, np.arange(30.0) + 0.5).save(tmp_path / "amounts")
    ran = run_cli("next", tmp_path / "amounts", pool)
    assert ran.code == 2 and "chosen by the classes" in ran.err
