"""Gradient boosting beside a result for a table."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from transferium.data.columns.column import Column
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.evaluation import gradient_boosting as module
from transferium.evaluation.gradient_boosting import Boosted, beside_boosting, boost, tree_inputs
from transferium.functional.bootstrap import Interval
from transferium.problems.classes import Classes
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Problem
from transferium.problems.regression import Regression
from worlds.typed import coded, date, number

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
COLUMNS = [number(name, X[:, i]) for i, name in enumerate("abc")]


def rows(columns: list[Column], y: np.ndarray, problem: Problem) -> Domain:
    table = Table(columns)
    return Domain(table, "row", [str(i) for i in range(len(table))], y, problem)


def halves(domain: Domain) -> tuple[Domain, Domain]:
    return domain.take(np.arange(300)), domain.take(np.arange(300, 400))


def test_classes_are_those_of_scikit_learns_defaults() -> None:
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64) + 2 * (X[:, 2] > 1)
    train, test = halves(rows(COLUMNS, y, Classes(("a", "b", "c", "d", "never"))))
    found = boost(train, test, seed=0)
    theirs = HistGradientBoostingClassifier(random_state=0).fit(X[:300], y[:300]).predict_proba(X[300:])
    assert found is not None and found.outputs is not None and (found.rows, found.given) == (300, 300)
    assert np.array_equal(found.outputs[:, :4], theirs) and not found.outputs[:, 4].any()


def test_amounts_are_those_of_scikit_learns_defaults() -> None:
    y = X[:, 0] * X[:, 1]
    train, test = halves(rows(COLUMNS, y, Regression()))
    found = boost(train, test, seed=0)
    theirs = HistGradientBoostingRegressor(random_state=0).fit(X[:300], y[:300]).predict(X[300:])
    assert found is not None and found.outputs is not None and np.array_equal(found.outputs[:, 0], theirs)


def test_each_of_several_labels_has_its_trees_and_one_that_all_have_needs_none() -> None:
    y = np.column_stack([X[:, 0] * X[:, 1] > 0, X[:, 2] > 0, np.ones(400), np.zeros(400)]).astype(np.uint8)
    train, test = halves(rows(COLUMNS, y, MultiLabel(("a", "b", "c", "d"))))
    found = boost(train, test, seed=0)
    assert found is not None and found.outputs is not None
    assert ((found.outputs[:, :2] > 0.5) == test.y[:, :2]).mean() > 0.85
    assert found.outputs[:, 2].all() and not found.outputs[:, 3].any()


def test_levels_are_codes_by_frequency_and_unknown_ones_are_missing() -> None:
    train = coded("job", ["cook", "smith", "smith", None])
    test = Column("job", "category", np.array([0, 1, 2, -1], np.int32), ("smith", "tailor", "cook"))
    found = tree_inputs(Table([train]), Table([test]))
    np.testing.assert_array_equal(found.train[:, 0], [1, 0, 0, np.nan])
    np.testing.assert_array_equal(found.test[:, 0], [0, np.nan, 1, np.nan])
    assert found.codes == (True,)


def test_ten_thousand_levels_share_the_last_code() -> None:
    cells = [f"level {i}" for i in range(10_000)] + ["common"] * 5
    y = np.arange(len(cells)) % 2
    column = coded("many", cells)
    found = tree_inputs(Table([column]), Table([column]))
    assert found.train.max() == module.LEVELS and (found.train[-5:] == 0).all()
    domain = rows([column], y, Classes(("a", "b"))).take(np.arange(9_000, 10_005))
    boosted = boost(domain, domain, seed=0)
    assert boosted is not None and boosted.outputs is not None


def test_dates_are_days_months_and_weekdays_and_infinities_are_numbers() -> None:
    table = Table([date("when", ["1970-02-02T12:00:00", "NaT"]), number("n", [np.inf, np.nan])])
    found = tree_inputs(table, table)
    np.testing.assert_array_equal(found.train[0, :3], [32.5, 1, 0])  # a Monday
    assert np.isnan(found.train[1]).all() and np.isfinite(found.train[0, 3])


def test_columns_without_any_value_do_no_harm() -> None:
    empty = [number("m", np.full(400, np.nan)), coded("n", [None] * 400), date("o", np.full(400, "NaT"))]
    train, test = halves(rows([*COLUMNS, *empty], (X[:, 0] > 0).astype(np.int64), Classes(("a", "b"))))
    found = boost(train, test, seed=0)
    assert found is not None and found.outputs is not None
    assert (found.outputs.argmax(axis=1) == test.y).mean() > 0.95


def test_cells_that_are_missing_in_the_first_row_leave_no_column_out() -> None:
    first = np.arange(400) == 0
    columns = [number(column.name, np.where(first, np.nan, column.values)) for column in COLUMNS]
    columns += [coded("job", [None, *"ab" * 200][:400]), date("day", np.where(first, "NaT", "2024-05-05"))]
    train, test = halves(rows(columns, (X[:, 0] > 0).astype(np.int64), Classes(("a", "b"))))
    found = boost(train, test, seed=0)
    assert found is not None and found.outputs is not None and (found.rows, found.given) == (300, 300)
    assert module._width(Table(columns)) == len(tree_inputs(Table(columns), Table(columns)).codes) == 7


def test_texts_and_identifiers_are_left_out() -> None:
    table = Table([coded("id", ["a", "b"], "identifier"), coded("said", ["so", "no"], "text")])
    domain = rows([*table.columns], np.array([0, 1]), Classes(("a", "b")))
    found = boost(domain, domain, seed=0)
    assert found is not None and found.outputs is None and found.reason == "no column is left for it"


def test_examples_that_are_no_table_have_none() -> None:
    domain = Domain(Rows(X), "features", [str(i) for i in range(400)], (X[:, 0] > 0) * 1, Classes(("a", "b")))
    assert boost(domain, domain, seed=0) is None


def test_a_large_table_is_cut_and_one_that_stays_too_large_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = halves(rows(COLUMNS, (X[:, 0] > 0).astype(np.int64), Classes(("a", "b"))))
    monkeypatch.setattr(module, "FEWEST", 100)
    monkeypatch.setattr(module, "SECONDS", module._seconds(module.ROUNDS, 3, 200))
    cut = boost(train, test, seed=0)
    assert cut is not None and cut.outputs is not None and abs(cut.rows - 200) <= 1
    monkeypatch.setattr(module, "SECONDS", module._seconds(module.ROUNDS, 3, 50))
    left = boost(train, test, seed=0)
    assert left is not None and left.outputs is None and left.reason == "it would take about 0 s"


def test_the_estimate_of_rows_is_that_of_seconds() -> None:
    for trees, width, seconds in ((100, 14, 8.0), (1000, 3, 8.0)):
        found = module._rows_within(seconds, trees, width)
        assert module._seconds(trees, width, found) <= seconds < module._seconds(trees, width, found + 2)
    assert module._rows_within(8.0, 100, 20_000) == 0


@pytest.mark.parametrize(
    ("gain", "start"),
    [
        (Interval(0.02, 0.01, 0.03), "Gradient boosting is clearly better here: use it. Measured: scikit-learn's Hist"),
        (Interval(-0.02, -0.03, -0.01), "Gradient boosting is clearly worse here. Measured: scikit-learn's Hist"),
        (Interval(0.01, -0.01, 0.03), "Gradient boosting is not clearly better or worse here. Measured: the accuracy"),
    ],
)
def test_the_interval_decides_whether_to_use_it(gain: Interval, start: str) -> None:
    told = beside_boosting(Boosted(None, 20, 30), "the probe", gain, Classes(("a", "b")))
    assert told.sentence.startswith(start) and "20 of the 30 training rows" in told.sentence
    assert told.as_dict()["difference"] == gain.as_dict()
