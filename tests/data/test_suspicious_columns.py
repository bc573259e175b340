"""A line for each column of a table, and the columns that somebody should look at."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.data.columns.column import Column
from transferium.data.doctor.column_facts import column_facts
from transferium.data.doctor.suspicious_columns import suspicious_columns
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem
from transferium.problems.regression import Regression
from worlds.typed import coded, date, number

RNG = np.random.default_rng(0)
N = 200
Y = RNG.integers(0, 2, N)
NOISE = number("noise", RNG.normal(size=N))
TWO = Classes(("no", "yes"))


def said(*columns: Column, labels: np.ndarray | None = Y, problem: Problem = TWO) -> dict[str, str]:
    facts = column_facts(columns, labels, problem if labels is not None else None)
    return {found.kind: found.message for found in suspicious_columns(columns, facts)}


def test_a_line_says_what_a_column_holds() -> None:
    days = np.datetime64("2024-01-01") + np.arange(N)
    columns = [
        number("age", [np.nan, *np.arange(1, N)]),
        coded("job", ["cook"] * 150 + ["smith"] * 40 + [None] * 10),
        date("day", [np.datetime64("NaT"), *days[1:]]),
        coded("name", [f"row {i}" for i in range(N)], "identifier"),
    ]
    age, job, day, name = column_facts(columns, Y, TWO)
    assert (age.low, age.high, age.missing, age.levels) == ("1", "199", 1, 199)
    assert (job.common, job.share, job.missing, job.levels) == ("cook", 0.75, 10, 2)
    assert (day.low, day.high, day.missing) == ("2024-01-02", "2024-07-18", 1)
    assert name.relation is None and name.levels == N
    assert all(0 <= (one.relation or 0) < 0.2 for one in (age, job, day)), "these tell nothing of a drawn label"
    assert column_facts(columns, None, None)[0].relation is None


def test_levels_that_no_row_has_are_not_counted() -> None:
    column = coded("job", ["cook", "smith", "tailor"] * 20).take(np.arange(60) % 3 == 0)
    assert column_facts([column], None, None)[0].levels == 1


@pytest.mark.parametrize(
    "column",
    [
        coded("paid", ["1" if y else "0" for y in Y]),
        number("score", Y + RNG.normal(0, 0.1, N)),
        number("ended", np.where(Y == 1, np.nan, RNG.normal(size=N))),
        date("closed", np.where(Y == 1, np.datetime64("2024-05-05"), np.datetime64("NaT"))),
        coded("almost", ["yes" if y != (i == 7) else "no" for i, y in enumerate(Y)]),
    ],
    ids=lambda column: column.name,
)
def test_near_copies_of_the_label_are_a_leak(column: Column) -> None:
    message = said(NOISE, column)["leaking-column"]
    assert repr(column.name) in message and "leak?" in message and "noise" not in message


def test_an_amount_in_another_unit_is_a_leak_and_honest_columns_are_none() -> None:
    amounts = RNG.lognormal(2, 1, N)
    honest = number("honest", amounts + RNG.normal(0, amounts.std() / 2, N))
    message = said(NOISE, honest, number("cents", 100 * amounts), labels=amounts, problem=Regression())[
        "leaking-column"
    ]
    assert "'cents'" in message and "honest" not in message
    assert "leaking-column" not in said(NOISE, honest, labels=amounts, problem=Regression())


def test_no_labels_no_leak() -> None:
    assert "leaking-column" not in said(NOISE, coded("paid", [str(y) for y in Y]), labels=None)


@pytest.mark.parametrize("name", ["label2", "fine_label", "Target", "class"])
def test_a_second_label_is_known_by_its_name(name: str) -> None:
    named = name != "label2"
    assert ("second-label" in said(NOISE, coded(name, ["a", "b"] * (N // 2)))) == named


def test_sentences_in_place_of_categories_are_named() -> None:
    texts = [f"the guest of room {i % 40} was not content" for i in range(N)]
    few = ["married and lives together", "lives all alone here"] * (N // 2)
    message = said(coded("words", texts), coded("few", few), coded("text", texts, "text"))["text-as-category"]
    assert "'words'" in message and "few" not in message and "'text'" not in message


def test_columns_that_say_the_same_are_duplicates() -> None:
    inch, jobs = RNG.normal(size=N), RNG.choice(["cook", "smith", "tailor"], N)
    ranks = {"cook": 3.0, "smith": 1.0, "tailor": 2.0}
    found = said(
        NOISE,
        number("inch", inch),
        coded("job", jobs.tolist()),
        number("cm", 2.54 * inch + 1),
        number("rank", [ranks[job] for job in jobs]),
        number("near", inch + RNG.normal(0, 0.01, N)),
    )["duplicate-column"]
    assert "'cm' (by 'inch'), 'rank' (by 'job')" in found and "near" not in found and "noise" not in found


def test_a_few_rows_prove_nothing() -> None:
    y = np.array([0, 1] * 5)
    columns = [number("a", y), number("b", y)]
    assert not suspicious_columns(columns, column_facts(columns, y, TWO))


@pytest.mark.filterwarnings("error")
def test_infinities_and_huge_numbers_do_no_harm() -> None:
    wild, huge = RNG.normal(size=N), 1e300 * RNG.normal(size=N)
    wild[:3] = np.inf, -np.inf, np.nan
    assert said(number("wild", wild), number("huge", huge), number("half", huge / 2)) == {
        "duplicate-column": "column 'half' (by 'huge'): says nothing that another column does not say"
    }
