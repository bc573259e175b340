"""Regression with scikit-learn's face: an amount for each example."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.readers.sequences import column_names
from transferium.errors import InputError
from transferium.estimator.base import (
    DTYPES,
    TransferEstimator,
    as_target,
    is_rows,
    read_examples,
    to_learn,
)
from transferium.problems.regression import Regression


class TransferRegressor(RegressorMixin, TransferEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A pretrained backbone and a regression of one amount for each example.

    Parameters are those of :class:`TransferEstimator`; ``transferium methods`` says which methods predict amounts.

    Attributes
    ----------
    artifact_ : what ``save`` writes
    diagnosis_ : what the data doctor found
    selection_ : how the hyper-parameters were chosen

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TransferRegressor().fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.4)
    True
    """

    def fit(self, X: Any, y: ArrayLike | None = None) -> TransferRegressor:
        """Fit on a ``Domain`` with amounts, or on ``X`` (a table, or a list of images or texts) with amounts ``y``."""
        self._forget_columns()
        X = to_learn(X, y)
        if isinstance(X, Domain):
            if X.problem is not None and not isinstance(X.problem, Regression):
                raise InputError(
                    f"the labels of {X.name!r} are {X.problem.said()}, and a regressor predicts amounts: read it with "
                    "problem='regression', or use TransferClassifier."
                )
            self._fit(X)
            return self
        names, target = column_names(X), as_target(y)
        if is_rows(X):
            X, target = validate_data(self, X, target, dtype=DTYPES, y_numeric=True, ensure_all_finite="allow-nan")
            domain = read(X, columns=names)
        else:
            domain = read_examples(X)
        self._fit(_with_amounts(domain, target))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The amount of each example, ``(n,)``."""
        return self._outputs(X)[:, 0]

    def _pair(self, X: Any, y: Any) -> Domain:
        return _with_amounts(self._domain(X, finite=False), as_target(y))


def _with_amounts(domain: Domain, y: Any) -> Domain:
    """The same examples with amounts; raises ``DataError`` for those that are missing or not finite."""
    amounts: NDArray[Any] = column_or_1d(y, warn=True)
    check_consistent_length(domain.ids, amounts)
    labels, problem = Regression.read(amounts.tolist(), "y")
    return replace(domain, labels=labels, problem=problem)
