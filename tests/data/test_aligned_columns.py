"""A source and a target whose tables share some columns, read in several ways."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.data.aligned_columns import align_columns
from transferium.data.columns.column import Column
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.problems.classes import Classes
from worlds.typed import coded, date, number

N = 6


def domain(name: str, *columns: Column, labels: bool = False) -> Domain:
    y = np.arange(N) % 2 if labels else None
    names = tuple(column.name for column in columns)
    ids = [f"{name} {i}" for i in range(N)]
    return Domain(
        Table(columns), "row", ids, y, Classes(("a", "b")) if labels else None, name=name, feature_names=names
    )


AGE, JOB = number("age", np.arange(N)), coded("job", ["cook", "smith", None] * 2)


def test_shared_columns_stay_in_the_order_of_the_source_and_the_others_are_said() -> None:
    source = domain("s", AGE, number("height", np.ones(N)), JOB, labels=True)
    target = domain("t", coded("town", ["x"] * N), JOB, AGE)
    pair = pair_domains([source], target)
    assert pair.source.feature_names == pair.target.feature_names == ("age", "job")
    assert isinstance(pair.target.samples, Table) and pair.target.samples.names == ("age", "job")
    said = [found.message for found in pair.findings if found.kind == "unshared-column"]
    assert said == [
        "1 column of the source 's' is not in every table, and is not used: 'height'",
        "1 column of the target 't' is not in every table, and is not used: 'town'",
    ]


def test_labelled_target_examples_and_several_sources_are_aligned_too() -> None:
    one, two = domain("one", AGE, JOB, labels=True), domain("two", JOB, AGE, labels=True)
    pair = pair_domains([one, two], domain("t", AGE, JOB), domain("few", JOB, AGE, labels=True))
    assert pair.few is not None and pair.few.feature_names == pair.source.feature_names == ("age", "job")
    assert len(pair.source) == 2 * N


def one(here: Column, there: Column) -> tuple[Column, Column, list[str]]:
    aligned, said = align_columns([domain("s", here), domain("t", there)], ["source", "target"])
    first, second = (table.columns[0] for table in (one.samples for one in aligned) if isinstance(table, Table))
    return first, second, [found.message for found in said]


def test_a_column_of_another_type_is_read_as_in_the_source() -> None:
    here, there, said = one(AGE, coded("age", ["1", "2", None] * 2))
    assert here.type == there.type == "number" and there.values[:2].tolist() == [1, 2] and np.isnan(there.values[2])
    assert said == ["column 'age' looks like number in the source, category in the target; it is read as number in all"]


def test_where_one_cell_is_no_number_both_are_categories() -> None:
    here, there, said = one(AGE, coded("age", ["1", "old", None] * 2))
    assert here.type == there.type == "category" and here.levels[1] == "1" and "category in all" in said[0]


def test_truth_values_keep_their_meaning_among_more_levels() -> None:
    truth = Column("smokes", "boolean", np.array([0, 1] * 3, np.int32), ("false", "true"))
    here, there, _ = one(truth, coded("smokes", ["Yes", "no", "maybe"] * 2))
    assert here.type == there.type == "category"
    assert [there.cell(i) for i in range(3)] == ["True", "False", "maybe"] and here.cell(1) == "True"
    numbers = number("smokes", [0, 1] * 3)
    assert [column.type for column in one(truth, numbers)[:2]] == ["boolean", "boolean"]
    assert [column.type for column in one(numbers, truth)[:2]] == ["number", "number"]


def test_names_of_rows_stay_names_and_a_few_different_levels_are_no_names() -> None:
    names = coded("code", [f"a{i}" for i in range(N)], "identifier")
    levels = coded("code", ["a0", "a1"] * 3)
    assert one(names, levels)[1].type == "identifier"
    assert one(levels, names)[1].type == "category"


def test_dates_that_cannot_be_dates_in_the_target_are_categories() -> None:
    here, there, _ = one(date("day", ["2024-01-01"] * N), coded("day", ["soon", "later"] * 3))
    assert here.type == there.type == "category" and here.levels == ("2024-01-01T00:00:00",)


def test_a_column_without_values_in_one_table_takes_the_type_of_the_other_and_is_said() -> None:
    here, there, said = one(JOB, number("job", np.full(N, np.nan)))
    assert there.type == here.type == "category" and there.missing.all()
    assert said == ["all cells of column 'job' are missing in the target"]


def test_tables_without_a_column_in_common_are_refused() -> None:
    with pytest.raises(ValueError, match="'s' and the target 't' have no column in common: 'age' and 'job'"):
        align_columns([domain("s", AGE), domain("t", JOB)], ["source", "target"])


def test_units_that_differ_between_tables_are_said_and_units_that_do_not_are_not() -> None:
    heavy, light, plain = (
        Column("weight", "number", np.arange(N) * scale, (), note)
        for scale, note in ((1.0, "the unit 'kg'"), (1e3, "the unit 'g' and a comma between thousands"), (1.0, ""))
    )
    for other, said in ((light, True), (heavy, False), (plain, False)):
        pair = pair_domains([domain("s", heavy, labels=True)], domain("t", other))
        found = [finding.message for finding in pair.findings if finding.kind == "column-units"]
        assert bool(found) == said
        assert not said or found == [
            "column 'weight' is in 'kg' in the source and in 'g' in the target, and its numbers are read as written: "
            "give both in one unit"
        ]


def test_what_is_left_out_in_one_table_is_left_out_in_the_other_for_the_same_reason() -> None:
    why = "units differ: 'cm', 'm': write them in one, or say what type it is"
    mixed = Column("size", "text", np.arange(N, dtype=np.int32), ("1 m", "2 cm", *"abcd"), why)
    made, _ = align_columns([domain("s", mixed, AGE), domain("t", number("size", np.arange(N)), AGE)], ["s", "t"])
    tables = [one.samples for one in made]
    assert [(t["size"].type, t["size"].note) for t in tables if isinstance(t, Table)] == [("text", why)] * 2
