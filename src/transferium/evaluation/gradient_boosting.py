"""Gradient boosting beside the result for a table: scikit-learn's, which the user of a table would otherwise take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import CODED, USED, Column
from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.evaluation.verdict import compared
from transferium.functional.bootstrap import Interval
from transferium.problems.problem import Problem

Array = NDArray[np.float64]
NAME = "gradient_boosting"
"""What it is called among the references."""
ROUNDS = 100
SECONDS = 8.0
"""How long it may take on one core, as ``_seconds`` estimates: a machine's load must not change a result."""
FEWEST = 2_000
"""The fewest rows that a larger table is cut to: from fewer it would be no match."""
LEVELS = 254
"""How many levels of a column are told apart, the most frequent ones (its histograms have 255 bins)."""


@dataclass(frozen=True)
class TreeInputs:
    """Numbers for trees: ``train (n, width)`` and ``test (m, width)``, NaN where missing; which columns are codes."""

    train: Array
    test: Array
    codes: tuple[bool, ...]


@dataclass(frozen=True)
class Boosted:
    """Outputs ``(m, width)`` for the held-out part, learned from ``rows`` of the ``given`` training rows.

    ``reason`` says why there are none, and ``without`` names columns that trees cannot read.
    """

    outputs: Array | None
    rows: int
    given: int
    reason: str = ""
    without: tuple[str, ...] = ()


def boost(train: Domain, test: Domain, *, seed: int) -> Boosted | None:
    """Gradient boosting with scikit-learn's settings, fitted on ``train``; None for examples that are no table.

    It stops early where there are more than 10,000 rows. A table for which it would take longer than ``SECONDS`` is
    cut to fewer rows, drawn by ``seed``; where that leaves too few, it is not run.
    """
    rows_of = TREES.get(train.kind)
    if rows_of is None:
        return None
    n, width = len(train), _width(rows_of(train))
    problem = train.posed
    trees = ROUNDS * (problem.width if problem.link == "sigmoid" or problem.width > 2 else 1)
    rows = min(n, _rows_within(SECONDS, trees, width))
    if not width or rows < min(n, FEWEST):
        why = "no column is left for it" if not width else f"it would take about {_seconds(trees, width, n):,.0f} s"
        return Boosted(None, 0, n, why)
    some = train if rows == n else train.take(np.sort(np.random.default_rng(seed).permutation(n)[:rows]))
    outputs = _outputs(tree_inputs(rows_of(some), rows_of(test)), some.y, problem, seed)
    return Boosted(outputs, rows, n, without=rows_of(train).untyped)


@dataclass(frozen=True)
class Beside:
    """Boosting beside a result: what is said of it, and how much better it is where it was run."""

    boosted: Boosted
    sentence: str
    difference: Interval | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``; the difference has nulls where it was not run."""
        nothing = {"value": None, "low": None, "high": None}
        gain = nothing if self.difference is None else self.difference.as_dict()
        rows = {"rows": self.boosted.rows, "of_rows": self.boosted.given}
        return {"sentence": self.sentence, "difference": gain} | rows


def beside_boosting(boosted: Boosted, ours: str, difference: Interval, problem: Problem) -> Beside:
    """How much better boosting is than ``ours``, by the paired ``difference``, and whether to take it.

    >>> from transferium.problems.classes import Classes
    >>> told = beside_boosting(Boosted(None, 9, 9), "the probe", Interval(0.02, 0.01, 0.03), Classes(("a", "b")))
    >>> told.sentence[:50]
    'Gradient boosting is clearly better here: use it. '
    """
    starts = {
        "better": "Gradient boosting is clearly better here: use it",
        "worse": "Gradient boosting is clearly worse here",
        "alike": "Gradient boosting is not clearly better or worse here",
    }
    kind = "Regressor" if problem.link == "identity" else "Classifier"
    part = f" on {boosted.rows:,} of the {boosted.given:,} training rows" if boosted.rows < boosted.given else ""
    unseen = f" without {' and '.join(map(repr, boosted.without))}" if boosted.without else ""
    word, said = compared(difference, f"scikit-learn's HistGradientBoosting{kind}{unseen}{part}", ours, problem.wording)
    return Beside(boosted, f"{starts[word]}. Measured: {said}.", difference)


def _seconds(trees: int, width: int, rows: int) -> float:
    """What fitting takes on one core, measured: each tree 2 ms, 40 µs a column, and 60 ns a cell."""
    return trees * (2e-3 + width * (4e-5 + 6e-8 * rows))


def _rows_within(seconds: float, trees: int, width: int) -> int:
    """With how many rows :func:`_seconds` are ``seconds``; 0 where no number is small enough."""
    return max(0, int(((seconds / trees - 2e-3) / max(width, 1) - 4e-5) / 6e-8))


def _outputs(inputs: TreeInputs, labels: NDArray[Any], problem: Problem, seed: int) -> Array:
    """What the problem's heads answer: shares of classes, a probability for each label, or amounts."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    def fitted(kind: Any, y: NDArray[Any], early: bool) -> Any:
        return kind(
            max_iter=ROUNDS, early_stopping=early, random_state=seed % 2**32, categorical_features=list(inputs.codes)
        ).fit(inputs.train, y)

    large = len(labels) > 10_000
    if problem.link == "identity":
        amounts = fitted(HistGradientBoostingRegressor, labels, large).predict(inputs.test)
        return np.asarray(amounts, np.float64)[:, None]
    columns = labels.T if problem.link == "sigmoid" else [labels]
    shares = np.zeros((len(inputs.test), problem.width))
    for k, y in enumerate(columns):
        there, counts = np.unique(y, return_counts=True)
        if len(there) > 1:
            model = fitted(HistGradientBoostingClassifier, y, large and counts.min() > 1)
            answers = model.predict_proba(inputs.test)
        else:
            answers = np.ones((len(inputs.test), 1))
        if problem.link == "sigmoid":
            shares[:, k] = answers[:, there == 1].sum(axis=1)
        else:
            shares[:, there] = answers
    return shares


def _table_of(domain: Domain) -> Table:
    return domain.samples if isinstance(domain.samples, Table) else Table((), rows=0)


def _width(table: Table) -> int:
    """How many columns :func:`tree_inputs` makes of a table that is learned from."""
    read = [column for column in table.columns if column.type in USED and not column.missing.all()]
    return sum(3 if column.type == "date" else 1 for column in read)


def tree_inputs(train: Table, test: Table) -> TreeInputs:
    """The columns of two tables, which have the same, as numbers for trees.

    Texts, identifiers and columns without a value in ``train`` are left out. Levels are codes by their frequency in
    ``train``; dates are days since 1970, months and days of the week.
    """
    found: list[tuple[Array, Array]] = []
    codes: list[bool] = []
    for here, there in zip(train.columns, test.columns, strict=True):
        if here.type not in USED:
            continue
        if here.type in CODED:
            pairs = [_levels(here, there)]
        elif here.type == "date":
            pairs = list(zip(_times(here.values), _times(there.values), strict=True))
        else:
            pairs = [(_finite(here.values), _finite(there.values))]
        if not np.isnan(pairs[0][0]).all():
            found += pairs
            codes += [here.type in CODED] * len(pairs)
    sides = list(zip(*found, strict=True)) or [(), ()]
    both = [
        np.column_stack([np.empty((len(table), 0)), *side]) for table, side in zip((train, test), sides, strict=True)
    ]
    return TreeInputs(both[0], both[1], tuple(codes))


def _finite(values: NDArray[Any]) -> Array:
    """Numbers, with infinities as the largest there are."""
    found: Array = np.nan_to_num(values, nan=np.nan)
    return found


def _levels(train: Column, test: Column) -> tuple[Array, Array]:
    """Codes by how frequent a level is: the rarest share one, and NaN is no cell or a level that ``train`` has not."""
    counts = np.bincount(train.values + 1, minlength=len(train.levels) + 1)[1:]
    ranks = np.empty(len(counts), np.float64)
    ranks[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(len(counts)), LEVELS)
    ranks[counts == 0] = np.nan
    place = dict(zip(train.levels, ranks.tolist(), strict=True))
    tables = ([place.get(level, np.nan) for level in column.levels] for column in (train, test))
    here, there = (
        np.array([np.nan, *table])[column.values + 1] for table, column in zip(tables, (train, test), strict=True)
    )
    return here, there


def _times(values: NDArray[Any]) -> list[Array]:
    """Days since 1970, the month, and the day of the week of dates; NaN where there is none."""
    days = values.astype("datetime64[D]")
    parts = [
        values.astype("datetime64[s]").astype(np.float64) / 86_400,
        days.astype("datetime64[M]").astype(np.int64) % 12,
        (days.astype(np.int64) + 3) % 7,
    ]
    return [np.where(np.isnat(values), np.nan, part.astype(np.float64)) for part in parts]


TREES: dict[Kind, Callable[[Domain], Table]] = {"row": _table_of, "mixed": _table_of}
"""The kinds of example that trees can read, and the table behind them."""
