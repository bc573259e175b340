"""An amount for each example: regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, option
from transferium.functional.bootstrap import Interval, bootstrap, mean_interval, units_of
from transferium.functional.metrics.regression_metrics import regression_statistics
from transferium.problems.evaluation import Evaluation, interval_of
from transferium.problems.label_cells import missing_cells, missing_rows
from transferium.problems.problem import Array, Labels, Link, Problem, Wording

if TYPE_CHECKING:
    from torch import Tensor

STRATA = 10
"""Parts and folds get equal shares of each tenth of the amounts."""


@dataclass(frozen=True)
class Regression(Problem):
    """One amount for each example: labels are ``float64 (n,)`` in the unit that they came in.

    >>> labels, problem = Regression.read([1.5, "2"], "price")
    >>> labels.tolist(), problem.cell(labels[0])
    ([1.5, 2.0], '1.5')
    """

    kind: ClassVar[str] = "regression"
    learner: ClassVar[str] = "a regression"
    link: ClassVar[Link] = "identity"
    headline: ClassVar[str] = "mae"
    loss_name: ClassVar[str] = "squared_error"
    constant_name: ClassVar[str] = "mean"
    lower_is_better: ClassVar[bool] = True
    stratum: ClassVar[str] = "tenths of the amount"
    field: ClassVar[str] = "value"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("mae", "mean absolute error"),
        ("rmse", "root mean squared error"),
        ("r2", "R²"),
    )
    wording: ClassVar[Wording] = Wording(
        scale=1.0,
        unit="",
        better="the mean absolute error of {ours} is {by} lower than that of {theirs}",
        worse="the mean absolute error of {ours} is {by} higher than that of {theirs}",
        differs="the mean absolute error of {ours} is lower by {by} than that of {theirs}",
    )

    names: tuple[str, ...] = ("value",)

    @classmethod
    def read(cls, values: Sequence[Any], where: str) -> tuple[Labels, Regression]:
        if missing := missing_rows(values):
            raise DataError(missing_cells("label", missing, len(values), where))
        labels = np.empty(len(values))
        for row, value in enumerate(values):
            try:
                labels[row] = float(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise DataError(
                    f"{where} holds {value!r} in row {row + 1} (counted from 1), which is no number: a regression "
                    f"predicts amounts. For classes say {option('problem', 'classes')}."
                ) from error
            if not math.isfinite(labels[row]):
                raise DataError(
                    f"{where} holds {value!r} in row {row + 1} (counted from 1): an amount must be finite. Mend it, "
                    "or leave the row out."
                )
        return labels, cls()

    def said(self) -> str:
        return "amounts"

    def cell(self, label: Any) -> str:
        return repr(float(label))

    def answer(self, outputs: Array) -> str:
        return repr(float(outputs[0]))

    def value(self, outputs: Array) -> float:
        return float(outputs[0])

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def joined(self, others: Sequence[Problem]) -> Regression:
        return self

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        return labels

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """Tenths of the amounts in their order, fewer where there are few examples; equal amounts stay together."""
        ends = np.quantile(labels, np.linspace(0, 1, min(STRATA, max(1, len(labels) // 5)) + 1)[1:-1])
        return np.unique(np.searchsorted(np.unique(ends), labels, side="right"), return_inverse=True)[1]

    def check_learnable(self, labels: Labels, where: str) -> None:
        if len(labels) < 2 or (labels == labels[0]).all():
            found = f"the one amount {self.cell(labels[0])} alone" if len(labels) > 1 else "no example"
            found = "one sample alone" if len(labels) == 1 else found
            raise DataError(f"a regression needs amounts that differ; {where} holds {found}.")

    def predict(self, outputs: Array) -> Labels:
        return outputs[:, 0]

    def constant(self, labels: Labels) -> Array:
        return np.array([labels.mean()])

    def losses(self, scores: Array, labels: Labels) -> Array:
        each: Array = (scores[:, 0] - labels) ** 2
        return each

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        return (scores[:, 0] - labels.to(scores.dtype)) ** 2

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        return float(np.average(np.abs(outputs[:, 0] - labels), weights=weights))

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> Evaluation:
        statistics = regression_statistics(labels, outputs[:, 0])
        estimates = statistics(np.ones((1, len(labels))))
        samples = bootstrap(statistics, len(labels), seed=seed, resamples=1000, groups=groups)
        metrics: dict[str, Interval | None] = {}
        reasons = {}
        for name, value in estimates.items():
            if np.isnan(value[0]):
                metrics[name], reasons[name] = None, "all amounts are equal"
                continue
            metrics[name] = interval_of(name, float(value[0]), samples[name], units_of(len(labels), groups))
        return Evaluation(metrics, len(labels), self.headline, reasons)

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """How much smaller the mean absolute error is, each example resampled with both models' errors."""
        gain = np.abs(theirs[:, 0] - labels) - np.abs(ours[:, 0] - labels)
        return mean_interval(gain, seed=seed, resamples=2000, groups=groups)
