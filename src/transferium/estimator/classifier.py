"""Classification with scikit-learn's face: one class of several, or any number of labels, for each example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.data.readers.sequences import as_list, column_names
from transferium.errors import InputError
from transferium.estimator.base import (
    DTYPES,
    GIVEN,
    TransferEstimator,
    as_target,
    is_pair,
    is_rows,
    read_examples,
    to_learn,
)
from transferium.job.adapt.fit import adapt, artifacts
from transferium.job.adapt.given_model import GivenModel, alone, is_model
from transferium.job.adapt.read_pair import read_target
from transferium.job.fit.prepare import warn_of_findings, warn_of_the_worst
from transferium.job.options import FitOptions, parse_settings
from transferium.job.stopwatch import Stopwatch
from transferium.models.catalogue import OWN
from transferium.problems.classes import Classes
from transferium.problems.entities import Entities
from transferium.problems.label_cells import (
    is_several,
    label_name,
    label_names,
    sort_names,
)
from transferium.problems.multi_label import MultiLabel, indicators
from transferium.problems.regression import Regression


class TransferClassifier(ClassifierMixin, TransferEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A pretrained backbone and a classifier of one class, or of several labels, for each example.

    Parameters are those of :class:`TransferEstimator`.

    Attributes
    ----------
    classes_ : array of the labels as they were given to ``fit``
    artifact_ : what ``save`` writes
    diagnosis_ : what the data doctor found
    selection_ : how the hyper-parameters were chosen
    source_only_ : after ``fit(target, source=…)``, the model that never saw the target; the one given, where one was

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TransferClassifier().fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    classes_: NDArray[Any]

    def fit(self, X: Any, y: ArrayLike | None = None, *, source: Any = None, few: Any = None) -> TransferClassifier:
        """Fit on a ``Domain`` (its train part where it is divided) or on ``X`` with labels ``y``.

        ``X`` is a 2-D array of features, or a list of image paths, PIL images, image arrays or texts.
        A ``test`` part is never looked at; a ``val`` part beside it may stop or choose.
        With a labelled ``source`` (a ``Domain``, ``(X, y)``, the path of data, or a list of these), ``X`` (or its path)
        is the target that is adapted to: it needs no labels, and those it has are stripped. ``few`` (given as one
        source) are a few labelled examples of the target, which are learned from too.
        Columns of data frames are matched by their names, in whatever order; arrays by position. Rows of a source or a
        target that are not finite are put aside with a warning.
        The ``source`` may also be a model by itself, which ``shot``, ``tent`` and ``adabn`` adapt without the data that
        it was made from: a fitted classifier, an ``Artifact``, or the path of a saved model or run.

        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> home = TransferClassifier().fit(X[::2], y[::2])
        >>> away = TransferClassifier("shot").fit(X[1::2] + 0.2, source=home)
        >>> away.classes_.tolist(), away.source_only_ is home.artifact_
        ([0, 1, 2], True)
        """
        if source is not None:
            return self._adapt(read_target(Path(X), {}) if isinstance(X, (str, Path)) else X, y, source, few)
        if few is not None:
            raise InputError("few are labelled examples of a target beside a source, and there is no source: give y.")
        domain = self._labelled(X, y)
        self._fit(domain)
        if isinstance(domain.problem, Classes):
            self.classes_ = self.classes_[[domain.classes.index(name) for name in self.artifact_.classes]]
        self._remember_classes()
        return self

    def _adapt(self, X: Any, y: ArrayLike | None, source: Any, few: Any) -> TransferClassifier:
        if y is not None:
            raise InputError(
                "y holds labels of the target, which no adaptation may see. Leave y out and give them to evaluate; or "
                "give those that may be learned from as few=(X, y)."
            )
        given = source if isinstance(source, list) else [source]
        model = alone([found for one in given if (found := self._given_model(one))], len(given))
        names: dict[str, Any] = {}
        if isinstance(source, TransferClassifier):
            names = {label_name(name): name for name in source.classes_.tolist()}
        domains: list[Domain] = []
        for one in [*([] if model else given), *([] if few is None else [few])]:
            domain, classes = _source(one)
            domains.append(domain)
            names |= {label_name(name): name for name in classes.tolist()}
        told = None if few is None else domains.pop()
        target = X if isinstance(X, Domain) else read_examples(X, name="target")
        pair = pair_domains(domains, target, told) if model is None else model.pair(target, told)
        method, of_backbone = parse_settings(self.method, self.settings)
        asked = FitOptions(Path(), method, self.backbone, of_backbone, self._seed())
        embedder = self._embedder()
        adapted = adapt(pair, asked, embedder, Stopwatch(embedder.progress), model=model)
        for prepared in adapted.prepared.values():
            warn_of_findings(prepared.diagnosis)
        warn_of_the_worst(pair.findings)
        self.artifact_, self.source_only_ = artifacts(adapted, asked)
        self.classes_ = _as_given(self.artifact_.classes, names)
        self._remember_classes()
        self.diagnosis_, self.selection_ = adapted.target.diagnosis, adapted.fitted.selection
        self._forget_columns()
        if target.kind in OWN and is_rows(X):
            validate_data(self, X, skip_check_array=True)  # predict is given what fit was given: the target's columns
        return self

    def _remember_classes(self) -> None:
        """Keep the type of the labels in what ``save`` writes, where JSON has it, so that ``load`` gives it back."""
        given = self.classes_.tolist()
        if given != list(self.artifact_.classes) and all(isinstance(one, (bool, int, float, str)) for one in given):
            self.artifact_.info[GIVEN] = given

    def _given_model(self, source: Any) -> GivenModel | None:
        """A source that is a model rather than data: fitted, an artifact, or the path of a saved one."""
        if isinstance(source, TransferClassifier):
            check_is_fitted(source)
            source = source.artifact_
        if isinstance(source, Artifact):
            return GivenModel(source, "model")
        return GivenModel.load(Path(source)) if isinstance(source, (str, Path)) and is_model(Path(source)) else None

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated class probabilities ``(n, classes)`` in the order of ``classes_``."""
        return self._outputs(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each example, as it was given to ``fit``; of labels, zeros and ones ``(n, k)``."""
        outputs = self.predict_proba(X)
        guess = self.artifact_.problem.predict(outputs)
        if isinstance(self.artifact_.problem, MultiLabel):
            return guess.astype(np.int64)
        answers: NDArray[Any] = self.classes_[guess]
        return answers

    def _pair(self, X: Any, y: Any) -> Domain:
        domain, _ = _with_labels(self._domain(X, finite=False), as_target(y))
        own = self.artifact_.problem
        if isinstance(own, MultiLabel) and isinstance(domain.problem, MultiLabel) and own.width == domain.problem.width:
            return replace(domain, problem=own)  # columns are in the order of what predict answers
        return domain

    def _labelled(self, X: Any, y: ArrayLike | None) -> Domain:
        self._forget_columns()
        X = to_learn(X, y)
        if isinstance(X, Domain):
            if isinstance(X.problem, Regression):
                raise InputError(f"the labels of {X.name!r} are amounts: use TransferRegressor, or problem='classes'.")
            if isinstance(X.problem, Entities):
                raise InputError(f"the labels of {X.name!r} are {X.problem.said()}: use TransferTagger.")
            self.classes_ = np.array(() if X.problem is None else X.problem.names)
            return X
        names, target = column_names(X), as_target(y)
        if is_rows(X) and _is_lists(target):
            domain = read(validate_data(self, X, dtype=DTYPES, ensure_all_finite="allow-nan"), columns=names)
        elif is_rows(X):
            X, target = validate_data(
                self, X, target, dtype=DTYPES, multi_output=_is_matrix(target), ensure_all_finite="allow-nan"
            )
            domain = read(X, columns=names)
        else:
            domain = read_examples(X)
        domain, self.classes_ = _with_labels(domain, target)
        return domain

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _source(source: Any) -> tuple[Domain, NDArray[Any]]:
    """Labelled examples, whichever way they were given, and their classes as they were given."""
    if isinstance(source, (str, Path)):
        source = read(source)
    if isinstance(source, Domain):
        return source, np.array(() if source.problem is None else source.problem.names)
    if is_pair(source):
        return _with_labels(read_examples(source[0]), as_target(source[1]))
    raise InputError(
        "labelled examples are a Domain, (X, y) or the path of labelled data, and a source may also be a fitted "
        f"model or the path of a saved one; got {type(source).__name__}."
    )


def _with_labels(domain: Domain, y: Any) -> tuple[Domain, NDArray[Any]]:
    """The same examples with labels, and the classes in the order of their numbers, as they were given."""
    if _is_matrix(y):
        return _with_indicators(domain, y.toarray() if hasattr(y, "toarray") else np.asarray(y))
    check_consistent_length(domain.ids, y)
    if _is_lists(y):
        labels, problem = MultiLabel.read(list(y), "y")
        return replace(domain, labels=labels, problem=problem), np.array(problem.names)
    y = column_or_1d(y)
    cells = as_list(y, "y")
    if y.dtype.kind not in "OM":  # scikit-learn knows no dates, and no column of several types
        check_classification_targets(y)
    names = label_names(cells, "y")
    given: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        given.setdefault(name, cell)
    try:
        order = list(dict.fromkeys(label_name(cell) for cell in as_list(np.unique(y), "y")))
    except TypeError:  # several types have no order
        order = list(sort_names(given))
    place = {name: code for code, name in enumerate(order)}
    codes = np.array([place[name] for name in names], dtype=np.int64)
    classes = np.array([given[name] for name in order], dtype=y.dtype if y.dtype.kind != "M" else None)
    return replace(domain, labels=codes, problem=Classes(tuple(order))), classes


def _is_lists(y: Any) -> bool:
    """Whether ``y`` holds a list of labels for each example: neither a matrix nor a column."""
    if hasattr(y, "toarray") or getattr(y, "ndim", 1) != 1 or _is_matrix(y):
        return False
    return any(map(is_several, y)) and not all(is_several(cell) and len(cell) == 1 for cell in y)


def _is_matrix(y: Any) -> bool:
    """Whether ``y`` has a column for each of several labels."""
    if isinstance(y, (list, tuple)):
        return (matrix := indicators(y)) is not None and matrix.shape[1] > 1
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    return len(shape) == 2 and shape[1] > 1


def _with_indicators(domain: Domain, y: NDArray[Any]) -> tuple[Domain, NDArray[Any]]:
    """The same examples with several labels each: zeros and ones, a column for each label."""
    check_consistent_length(domain.ids, y)
    check_classification_targets(y)
    columns = np.arange(y.shape[1])
    labels, problem = MultiLabel.of_indicators(y, columns.tolist(), "y")
    return replace(domain, labels=labels, problem=problem), columns


def _as_given(classes: tuple[str, ...], known: dict[str, Any]) -> NDArray[Any]:
    """Class names as they were given where all are ``known``, else as texts."""
    return np.array([known[name] for name in classes] if set(classes) <= known.keys() else list(classes))
