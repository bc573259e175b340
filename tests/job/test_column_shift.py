"""Which columns of two tables moved, largest first."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.data.columns.table import Table
from transferium.job.compare.column_shift import column_shifts, notable, unseen_levels
from worlds.typed import coded, date, number

RNG = np.random.default_rng(0)
N = 1_000
DAYS = np.datetime64("2024-01-01") + RNG.integers(0, 300, N)
SAME = RNG.normal(size=N)


def test_numbers_levels_dates_and_gaps_by_one_plain_figure_each() -> None:
    source = Table(
        [
            number("same", SAME),
            number("age", RNG.normal(40, 10, N)),
            coded("job", ["cook", "smith", "tailor", "tailor"] * (N // 4)),
            date("day", DAYS),
            number("pay", SAME),
            coded("name", [f"n{i}" for i in range(N)], "identifier"),
        ]
    )
    target = Table(
        [
            coded("job", ["cook", "cook", "tailor", "baker"] * (N // 4)),
            number("age", RNG.normal(48, 10, N)),
            number("same", SAME),
            date("day", DAYS + 5),
            number("pay", np.where(np.arange(N) % 2, SAME, np.nan)),
            coded("name", [f"m{i}" for i in range(N)], "identifier"),
        ]
    )
    rows = column_shifts(source, target)
    by_name = {row["measure"]: row for row in rows}
    assert [row["measure"] for row in rows][:3] == ["job (most: cook)", "pay (missing)", "age"]
    assert by_name["job (most: cook)"] == {
        "measure": "job (most: cook)",
        "statistic": "total variation",
        "source": 0.25,
        "target": 0.5,
        "difference": 0.5,
    }
    assert by_name["age"]["difference"] == pytest.approx(0.8, abs=0.15) and by_name["same"]["difference"] == 0
    assert by_name["day"]["target"] - by_name["day"]["source"] == pytest.approx(5)
    assert (by_name["pay (missing)"]["source"], by_name["pay (missing)"]["target"]) == (0, 0.5)
    assert "name" not in " ".join(by_name) and len(notable(rows)) == 3
    assert notable(rows)[0] == "job (most: cook) (total variation 0.50)"


def test_columns_without_values_or_without_a_partner_have_no_row() -> None:
    source = Table([number("empty", np.full(N, np.nan)), number("alone", SAME), coded("none", [None] * N)])
    target = Table([number("empty", np.full(N, np.nan)), coded("none", [None] * N)])
    assert column_shifts(source, target) == []


def test_levels_that_only_the_target_has_are_named_with_their_share() -> None:
    source = Table([coded("job", ["cook", "smith"] * 50), coded("town", ["a", "b"] * 50), number("age", SAME[:100])])
    target = Table([coded("job", ["cook", "baker", "baker", None] * 25), coded("town", ["b"] * 100)])
    assert unseen_levels(source, target) == ["'job': 'baker' (50.0 % of its rows)"]
    assert unseen_levels(source, source) == []
