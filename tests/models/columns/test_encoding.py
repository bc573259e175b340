"""The encoding of a table: fitted once, saved as JSON, the same for every unit, order and name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from transferium.data.columns.column import Column
from transferium.data.columns.table import Table
from transferium.errors import DataError
from transferium.models.columns.codes import LIMIT, MOST_LEVELS
from transferium.models.columns.encoding import ALL_RARE, NO_VALUE, ONE_VALUE, ColumnsPreprocess
from transferium.models.modality import preprocess_from_json
from worlds.typed import coded, date, number


def mixed(n: int = 60, seed: int = 0) -> Table:
    draw = np.random.default_rng(seed)
    pay = draw.lognormal(8, 1, n)
    pay[::7] = np.nan
    days = np.datetime64("2020-01-01", "s") + draw.integers(0, 900, n).astype("timedelta64[D]")
    jobs = [None if i % 9 == 0 else str(draw.choice(["cook", "smith", "judge"])) for i in range(n)]
    return Table([number("pay", pay), coded("job", jobs), date("since", days), number("age", draw.normal(size=n))])


def test_units_order_and_names_of_levels_do_not_count() -> None:
    table = mixed()
    expected = ColumnsPreprocess.fit([table]).encode(table)
    assert np.isfinite(expected).all() and expected.shape[1] == 12
    turned = Table(table.columns[::-1])
    np.testing.assert_array_equal(ColumnsPreprocess.fit([turned]).encode(turned), expected)
    pay, job, *others = table.columns
    other = Table([number("pay", pay.values * 1e5), Column("job", "category", job.values, ("z", "y", "x")), *others])
    np.testing.assert_allclose(ColumnsPreprocess.fit([other]).encode(other), expected, rtol=1e-6, atol=1e-7)


def test_a_saved_encoding_is_the_same_and_plain() -> None:
    table = mixed()
    encoding = ColumnsPreprocess.fit([table])
    again = preprocess_from_json(json.loads(json.dumps(encoding.to_json())))
    assert isinstance(again, ColumnsPreprocess) and again == encoding
    assert again.fingerprint() == encoding.fingerprint()
    np.testing.assert_array_equal(again.encode(mixed(seed=1)), encoding.encode(mixed(seed=1)))
    one = [encoding.read(table.raw(i)) for i in (0, 1)]
    np.testing.assert_array_equal(one, encoding.encode(table)[:2])


@pytest.mark.parametrize("change", [{"scale": 0.0}, {"center": float("nan")}, {"type": "thing"}, {"name": 3}])
def test_a_damaged_description_is_refused(change: dict[str, object]) -> None:
    saved = ColumnsPreprocess.fit([Table([number("a", [1, 2, 3])])]).to_json()
    saved["codes"][0] |= change
    with pytest.raises((ValueError, KeyError)):
        preprocess_from_json(saved)


def test_wild_missing_and_unseen_cells_are_answered() -> None:
    encoding = ColumnsPreprocess.fit(
        [Table([number("a", [1, 2, 3, 4, np.nan]), coded("b", ["u", "u", "u", "v", "w"])])]
    )
    new = Table([number("a", [1e300, -np.inf, np.nan, 2.5, 2.5]), coded("b", ["u", "v", "new", None, "u"])])
    seen = encoding.encode(new)
    assert seen[:2, 0].tolist() == [LIMIT, -LIMIT] and seen[2, :2].tolist() == [0, 1] and seen[3, 0] == 0
    assert seen[:, 2:].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0], [1, 0]]


def test_many_levels_are_few_columns_and_that_is_told() -> None:
    cells = [f"l{i % 10_000}" for i in range(30_000)]
    encoding = ColumnsPreprocess.fit([Table([coded("b", cells), number("a", np.arange(30_000.0))])])
    assert encoding.about()[0] == {
        "name": "b",
        "type": "category",
        "width": MOST_LEVELS + 1,
        "levels": 10_000,
        "together": 10_000 - MOST_LEVELS,
        "missing": False,
    }


def test_what_is_left_out_has_a_reason() -> None:
    columns = [number("x", [1, 2, 3, 4]), number("one", [7] * 4), number("none", [np.nan] * 4)]
    columns += [
        coded("no word", [None] * 4),
        coded("each", list("abcd")),
        Column("who", "identifier", np.arange(4, dtype=np.int32), tuple("abcd")),
    ]
    encoding = ColumnsPreprocess.fit([Table(columns)])
    assert encoding.left_out.keys() == {"one", "none", "no word", "each", "who"}
    said = [encoding.left_out[name] for name in ("one", "none", "no word", "each")]
    assert said == [ONE_VALUE, NO_VALUE, NO_VALUE, ALL_RARE]
    with pytest.raises(DataError, match="no column to learn from: 'one': one value throughout"):
        ColumnsPreprocess.fit([Table(columns[1:2])])


def test_a_column_that_is_missing_or_another_is_said() -> None:
    encoding = ColumnsPreprocess.fit([Table([number("age", [1, 2, 3]), number("pay", [1, 2, 3])])])
    with pytest.raises(DataError, match=r"the table has no column 'pay', which the model reads. Did you mean 'pya'"):
        encoding.encode(Table([number("age", [1]), number("pya", [1])]))
    with pytest.raises(DataError, match=r"column 'age' is read as number, and not every cell is one, for example 'x'"):
        encoding.encode(Table([coded("age", ["x"]), number("pay", [1])]))
    with pytest.raises(DataError, match="the model reads 2 columns, and the table has 3"):
        encoding.encode(Table.of_array(np.zeros((1, 3))))
    by_place = encoding.encode(Table.of_array(np.array([[1.0, 3.0]])))
    np.testing.assert_array_equal(by_place, encoding.encode(Table([number("pay", [3]), number("age", [1])])))


def test_a_table_of_two_thousand_columns_is_read_whole() -> None:
    table = Table.of_array(np.random.default_rng(0).normal(size=(50, 2_000)))
    encoding = ColumnsPreprocess.fit([table])
    assert encoding.encode(table).shape == (50, 2_000) and len(encoding.to_json()["codes"]) == 2_000
