"""The scikit-learn face: ``TransferClassifier`` fits, clones, pickles and grid-searches like any estimator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d, validate_data

from transferium.artifact import Artifact, load_artifact, replacing
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.data.readers.arrays import column_names
from transferium.embedding.embed import Embedder
from transferium.embedding.engines.engine import Choice
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError
from transferium.job.adapt.evaluate_adapted import evaluate_with_source_only, is_adapted
from transferium.job.adapt.fit import adapt, artifacts
from transferium.job.adapt.given_model import GivenModel, alone, is_model
from transferium.job.adapt.read_pair import read_target
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.job.fit.prepare import prepare, training_parts, warn_of_quarantine
from transferium.job.options import FitOptions, backbone_settings
from transferium.job.predict.apply import evaluate_domain, held_out, predict_domain, read_like
from transferium.job.run_directory.provenance import data_fingerprint, provenance
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes
from transferium.problems.evaluation import Evaluation

PAIR = 2
"""Examples and their labels."""
DTYPES = [np.float64, np.float32]
"""What rows are read as; the first, unless they are the second already."""


class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A pretrained backbone and a head fitted to a few hundred examples.

    Parameters
    ----------
    method : str or Method
        A name of ``transferium methods``, or a method object whose hyper-parameters can be searched as
        ``method__<name>``.
    backbone : str, path, ``nn.Module``, Backbone or None
        None takes the bundled backbone for images or English texts, and none for feature tables.
    settings : dict or None
        Hyper-parameters of a method given by name, and of the backbone (``size``, ``max_length``).
    engine : {"auto", "onnx", "torch"}
        What runs the frozen backbone.
    store : bool
        Keep features in the feature store, so that no example is embedded twice.
    random_state : int, RandomState or None
        Seed of every random choice.

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

    def __init__(
        self,
        method: str | Method = "probe",
        *,
        backbone: Any = None,
        settings: dict[str, Any] | None = None,
        engine: Choice = "auto",
        store: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.method = method
        self.backbone = backbone
        self.settings = settings
        self.engine = engine
        self.store = store
        self.random_state = random_state

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
        settings = dict(self.settings or {})
        backbone = find_backbone(self.backbone, domain.kind, **backbone_settings(settings))
        method, embedder = find_method(self.method, settings), self._embedder()
        prepared = prepare(domain, embedder, backbone, watch=Stopwatch())
        warn_of_quarantine(prepared.diagnosis)
        train, val = training_parts(prepared)
        seed = self._seed()
        fitted = method.fit(Task(train, val, prepared.backbone, embedder, seed, groups=train.groups))
        info = {"method": method.to_json(), "selection": fitted.selection.to_json(), "seed": seed}
        info["feature_names"] = domain.feature_names
        info["provenance"] = provenance("TransferClassifier.fit", data_fingerprint(prepared.domain))
        self.artifact_ = Artifact(fitted.backbone, fitted.head, train.posed, info)
        self.classes_ = self.classes_[[domain.classes.index(name) for name in train.classes]]
        self.diagnosis_, self.selection_ = prepared.diagnosis, fitted.selection
        if hasattr(self, "source_only_"):  # of an earlier fit
            del self.source_only_
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
            names = {str(name): name for name in source.classes_}
        domains: list[Domain] = []
        for one in [*([] if model else given), *([] if few is None else [few])]:
            domain, classes = _source(one)
            domains.append(domain)
            names |= {str(name): name for name in classes}
        told = None if few is None else domains.pop()
        target = X if isinstance(X, Domain) else _read(X, name="target")
        pair = pair_domains(domains, target, told) if model is None else model.pair(target, told)
        asked = FitOptions(Path(), self.method, self.backbone, self.settings, self._seed())
        adapted = adapt(pair, asked, self._embedder(), Stopwatch(), model=model)
        for prepared in adapted.prepared.values():
            warn_of_quarantine(prepared.diagnosis)
        self.artifact_, self.source_only_ = artifacts(adapted, asked)
        self.classes_ = _as_given(self.artifact_.classes, names)
        self.diagnosis_, self.selection_ = adapted.target.diagnosis, adapted.fitted.selection
        self._forget_columns()
        if target.kind == "features" and not isinstance(X, Domain):
            validate_data(self, X, skip_check_array=True)  # predict is given what fit was given: the target's columns
        return self

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
        check_is_fitted(self)
        predicted = predict_domain(self.artifact_, self._domain(X), self._embedder())
        if predicted.problems:
            name, reason = next(iter(predicted.problems.items()))
            count = f"{len(predicted.problems)} of {len(predicted.domain)}"
            raise DataError(f"{count} examples cannot be read; the first is {name}: {reason}. Leave them out.")
        return predicted.outputs

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each example, as it was given to ``fit``."""
        guess = self.predict_proba(X).argmax(axis=1)
        return cast("NDArray[Any]", self.classes_[guess])

    def evaluate(self, data: Any, *, seed: int = 0) -> Evaluation:
        """Metrics with intervals on labelled data: its held-out part where it is divided, else all of it.

        ``data`` is a ``Domain``, ``(X, y)`` or a path, which is read as the training data was.
        After ``fit(target, source=…)`` it also has ``source_only``, the ``verdict`` and ``by_class``.

        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> TransferClassifier().fit(X[::2], y[::2]).evaluate((X[1::2], y[1::2])).as_dict()["accuracy"]["value"] > 0.9
        True
        """
        check_is_fitted(self)
        domain = held_out(self._answers(data))
        if hasattr(self, "source_only_"):
            return evaluate_with_source_only(self.artifact_, self.source_only_, domain, self._embedder(), seed=seed)
        return evaluate_domain(self.artifact_, domain, self._embedder(), seed=seed)

    def _answers(self, data: Any) -> Domain:
        """Labelled examples to evaluate on, by the model's own names of the classes."""
        if isinstance(data, (str, Path)):
            return read_like(self.artifact_, Path(data), {})
        if isinstance(data, Domain):
            return data
        if not _is_pair(data):
            raise InputError(
                f"evaluate takes a Domain, (X, y) or the path of labelled data; got {type(data).__name__}. Give one."
            )
        domain, given = _with_labels(self._domain(data[0], finite=False), data[1])
        known = dict(zip(self.classes_.tolist(), self.artifact_.classes, strict=True))
        return replace(domain, problem=Classes(tuple(known.get(label, str(label)) for label in given.tolist())))

    def save(self, folder: str | Path) -> None:
        """Write safetensors and JSON to ``folder``, all or nothing; of an adapted model source only too.

        An earlier model or run there is replaced; ``ArtifactError`` where ``folder`` is a file or holds other files.
        """
        check_is_fitted(self)
        with replacing(Path(folder)) as fresh:
            self.artifact_.write_into(fresh)
            if hasattr(self, "source_only_"):
                (fresh / SOURCE_ONLY).mkdir()
                self.source_only_.write_into(fresh / SOURCE_ONLY)

    def _labelled(self, X: Any, y: ArrayLike | None) -> Domain:
        self._forget_columns()
        if isinstance(X, Domain):
            if y is not None:
                raise InputError("a Domain brings its own labels; y was given as well. Leave y out.")
            self.classes_ = np.array(X.classes)
            return X
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None: give labels, or fit on a Domain.")
        names = column_names(X)
        if _is_table(X):
            X, y = validate_data(self, X, y, dtype=DTYPES)
        domain, self.classes_ = _with_labels(_read(X, features=names), y)
        return domain

    def _domain(self, X: Any, finite: bool = True) -> Domain:
        """Examples to answer; ``finite`` refuses rows with NaN or infinity, as scikit-learn does."""
        if isinstance(X, Domain):
            return X
        if isinstance(X, (str, Path)):
            return read_like(self.artifact_, Path(X), {})
        if self.artifact_.kind != "features":
            return read(list(X))
        names = column_names(X)
        if names and self._matches(names):
            return read(check_array(X, dtype=DTYPES, ensure_all_finite=finite), features=names)
        rows = validate_data(self, X, reset=False, dtype=DTYPES, ensure_all_finite=finite)
        seen = getattr(self, "feature_names_in_", None)
        return read(rows, features=None if seen is None else seen.tolist())

    def _matches(self, names: tuple[str, ...]) -> bool:
        """Whether columns go by name, in any order: after an adaptation, which may have met two, or no frame at all.

        What was fitted to one frame is asked with its columns in the same order: scikit-learn's rule.
        """
        if not self.artifact_.info.get("feature_names"):
            return False
        seen = getattr(self, "feature_names_in_", None)
        return seen is None or (hasattr(self, "source_only_") and set(names) == set(seen))

    def _forget_columns(self) -> None:
        """Nothing of what an earlier ``fit`` was given."""
        for name in ("feature_names_in_", "n_features_in_"):
            if hasattr(self, name):
                delattr(self, name)

    def _embedder(self) -> Embedder:
        return Embedder(FeatureStore() if self.store else None, engine=self.engine)

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


def _source(source: Any) -> tuple[Domain, NDArray[Any]]:
    """Labelled examples, whichever way they were given, and their classes as they were given."""
    if isinstance(source, (str, Path)):
        source = read(source)
    if isinstance(source, Domain):
        return source, np.array(source.classes)
    if _is_pair(source):
        return _with_labels(_read(source[0]), source[1])
    raise InputError(
        "labelled examples are a Domain, (X, y) or the path of labelled data, and a source may also be a fitted "
        f"model or the path of a saved one; got {type(source).__name__}."
    )


def _with_labels(domain: Domain, y: ArrayLike) -> tuple[Domain, NDArray[Any]]:
    """The same examples with labels, and the classes in the order of their numbers, as they were given."""
    y = column_or_1d(y)
    check_consistent_length(domain.ids, y)
    check_classification_targets(y)
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    return replace(domain, labels=codes.astype(np.int64), problem=Classes(tuple(str(c) for c in classes))), classes


def _read(X: Any, **names: Any) -> Domain:
    """Examples of any kind, by scikit-learn's habit: a table, or else a sequence."""
    return read(X if _is_table(X) else list(X), **names)


def _is_pair(data: Any) -> bool:
    """Whether this is ``(X, y)``; a ``Domain`` brings labels of its own."""
    return isinstance(data, (tuple, list)) and len(data) == PAIR and not isinstance(data[0], (Domain, str, bytes, Path))


def _as_given(classes: tuple[str, ...], known: dict[str, Any]) -> NDArray[Any]:
    """Class names as they were given where all are ``known``, else as texts."""
    return np.array([known[name] for name in classes] if set(classes) <= known.keys() else list(classes))


def load(folder: str | Path) -> TransferClassifier:
    """Read a saved model or run directory back; raises ``ArtifactError`` for what is not understood.

    Class labels come back as texts, in the saved order.
    """
    artifact = load_artifact(folder)
    model = TransferClassifier(artifact.info.get("method", {}).get("name", "probe"))
    model.artifact_ = artifact
    model.classes_ = np.array(artifact.classes)
    if is_adapted(Path(folder)):
        model.source_only_ = load_artifact(Path(folder) / SOURCE_ONLY)
    return model


def _is_table(X: Any) -> bool:
    """Whether scikit-learn's own checks apply: anything that is not a sequence of texts, paths, images or bytes."""
    if isinstance(X, (list, tuple)) and X:
        return not isinstance(X[0], (str, bytes, Path)) and np.ndim(X[0]) < 2 and not hasattr(X[0], "mode")
    return not (isinstance(X, np.ndarray) and (X.ndim > 2 or (X.ndim == 1 and X.dtype.kind in "OUS")))
