"""The scikit-learn face: estimators that fit, clone, pickle and are grid-searched like any other."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from transferium.artifact import Artifact, replacing
from transferium.data.domain import Domain
from transferium.data.read import is_there, read
from transferium.data.readers.columns import COLUMNS, Columns
from transferium.data.readers.frames import as_frame, holds_numbers, read_frame
from transferium.data.readers.sequences import as_list, column_names, is_picture
from transferium.embedding.embed import Embedder, check_all_read
from transferium.embedding.engines.engine import Choice
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.job.adapt.evaluate_adapted import evaluate_with_source_only
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.job.fit.prepare import (
    Prepared,
    prepare,
    training_parts,
    warn_of_findings,
    with_columns_of,
    with_suspicious,
)
from transferium.job.fit.readable import choose_backbone
from transferium.job.fit.within_memory import within_memory
from transferium.job.options import parse_settings
from transferium.job.predict.all_sides import Full, all_sides, read_by, with_subgroups
from transferium.job.predict.apply import evaluate_domain, held_out, predict_domain, read_columns, read_to_answer
from transferium.job.run_directory.provenance import data_fingerprint, provenance
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import check_problem
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.catalogue import OWN
from transferium.problems.evaluation import Evaluation
from transferium.problems.label_cells import label_name, missing_cells, missing_rows
from transferium.system.display import display

WITHOUT_Y = (
    "requires y to be passed, but the target y is None: give labels, as in fit(frame['text'], frame['label']); or fit "
    "on a Domain, as in fit(tm.read(frame, text='text', label='label'))."
)
GIVEN = "classes_as_given"
"""Where a saved classifier keeps the labels that ``fit`` was given, where they were no texts."""
PAIR = 2
"""Examples and their labels."""
DTYPES = [np.float64, np.float32]
"""What rows are read as; the first, unless they are the second already."""


class TransferEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A pretrained backbone and a head fitted to a few hundred examples: what every kind of problem shares.

    Parameters
    ----------
    method : str or Method
        A name of ``transferium methods``, or a method object whose hyper-parameters can be searched as
        ``method__<name>``.
    backbone : str, path, ``nn.Module``, Backbone or None
        None takes the bundled backbone for images or English texts, and none for tables.
    settings : dict or None
        Hyper-parameters of a method given by name, and of the backbone (``size``, ``max_length``).
    engine : {"auto", "onnx", "torch"}
        What runs the frozen backbone.
    store : bool
        Keep features in the feature store, so that no example is embedded twice.
    random_state : int, RandomState or None
        Seed of every random choice.
    verbose : bool or None
        Show progress on standard error: a bar in a terminal or a notebook, else a line every ten seconds. None shows
        it in notebooks alone.
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
        verbose: bool | None = None,
    ) -> None:
        self.method = method
        self.backbone = backbone
        self.settings = settings
        self.engine = engine
        self.store = store
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, domain: Domain) -> Prepared:
        """Look, fit and keep what ``save`` writes; raises ``InputError`` for a method that cannot solve the problem."""
        method, of_backbone = parse_settings(self.method, self.settings)
        backbone, found = choose_backbone(self.backbone, domain, **of_backbone)
        embedder = self._embedder()
        if domain.problem is not None:
            check_problem(method, domain.problem, domain.name)
            method.check_data(domain)
            method.check_backbone(backbone)
        prepared = prepare(domain, embedder, backbone, watch=Stopwatch(embedder.progress), found=found)
        train, val = training_parts(prepared)
        seed = self._seed()
        progress = embedder.progress
        prepared = with_columns_of(prepared, embedder, train)
        kept, cut = within_memory({"training": train}, prepared.backbone.width, seed=seed)
        prepared, train = prepared.saying(*cut), train.take(kept["training"])
        fitted = method.fit(Task(train, val, prepared.backbone, embedder, seed, train.groups, progress=progress))
        info = {"method": method.to_json(), "selection": fitted.selection.to_json(), "seed": seed}
        info["feature_names"] = domain.feature_names
        info["provenance"] = provenance(f"{type(self).__name__}.fit", data_fingerprint(prepared.domain))
        self.artifact_ = Artifact(fitted.backbone, fitted.head, train.posed, info).having_learned(train, val)
        prepared = with_suspicious(prepared, train, fitted.oof_outputs)
        warn_of_findings(prepared.diagnosis)
        self.diagnosis_, self.selection_ = prepared.diagnosis, fitted.selection
        if hasattr(self, "source_only_"):  # of an earlier fit
            del self.source_only_
        return prepared

    def _outputs(self, X: Any) -> NDArray[np.float64]:
        """What the head says of each example ``(n, width)``; ``DataError`` where one cannot be read."""
        check_is_fitted(self)
        predicted = predict_domain(self.artifact_, self._domain(X), self._embedder())
        check_all_read(predicted.domain.ids, predicted.problems)
        return predicted.outputs

    def transform(self, X: Any) -> NDArray[np.float32]:
        """What the head reads of each example: the features ``(n, width)`` of the fitted model's backbone."""
        check_is_fitted(self)
        domain = self._domain(X)
        embedding = self.artifact_.embed(domain, self._embedder())
        check_all_read(domain.ids, embedding.problems)
        return embedding.features

    @property
    def _n_features_out(self) -> int:
        """How many columns ``transform`` gives; ``get_feature_names_out`` numbers them."""
        return self.artifact_.backbone.width

    def save(self, folder: str | Path, *, forget_data: bool = False) -> None:
        """Write safetensors and JSON to ``folder``, all or nothing; of an adapted model source only too.

        An earlier model or run there is replaced; ``ArtifactError`` where ``folder`` is a file or holds other files.
        With ``forget_data`` no hashes of the training examples are written, and ``evaluate`` cannot tell these later.
        """
        check_is_fitted(self)
        models = {".": self.artifact_} | ({SOURCE_ONLY: self.source_only_} if hasattr(self, "source_only_") else {})
        with replacing(Path(folder)) as fresh:
            for name, model in models.items():
                (fresh / name).mkdir(exist_ok=True)
                (model.forgetful() if forget_data else model).write_into(fresh / name)

    def evaluate(
        self, data: Any, *, full: Full = False, by: Any = None, against: Any = None, seed: int = 0
    ) -> Evaluation:
        """Figures with intervals on labelled data: its held-out part where it is divided, else all of it.

        ``data`` is a ``Domain``, ``(X, y)`` or a path, which is read as the training data was.
        With ``full`` it has further ``sides`` (``"quick"``: in seconds), as ``transferium evaluate --full`` does; give
        all of the data then. ``by`` compares subgroups: a column of the table at a path, or a value for each example.
        ``against`` is other data, whose labels are not read: ``sides["out_of_distribution"]`` says how well the model
        tells it apart.
        After ``fit(target, source=…)`` it also has ``source_only``, the ``verdict`` and ``by_class``.
        Examples that the model learned from are left out with a warning; where there are no others, the figures are
        those of training, and a warning says so.

        >>> from sklearn.datasets import load_wine
        >>> from transferium import TransferClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> TransferClassifier().fit(X[::2], y[::2]).evaluate((X[1::2], y[1::2])).as_dict()["accuracy"]["value"] > 0.8
        True
        """
        check_is_fitted(self)
        given = self._answers(data, by)
        domain, embedder, alone = held_out(given), self._embedder(), getattr(self, "source_only_", None)
        if alone is not None:
            found: Evaluation = evaluate_with_source_only(self.artifact_, alone, domain, embedder, seed=seed)
        else:
            found = evaluate_domain(self.artifact_, domain, embedder, seed=seed)
        other = None if against is None else self._domain(against)
        sides = all_sides(self.artifact_, given, embedder, full=full, seed=seed, before=alone, against=other)
        return self._told(replace(found, sides=sides))

    def _answers(self, data: Any, by: Any) -> Domain:
        """Labelled examples to evaluate on, and their subgroups."""
        if isinstance(data, (str, Path)):
            return read_by(self.artifact_, Path(data), {}, by)
        data = as_domain(data, None)
        if not isinstance(data, Domain):
            if not is_pair(data):
                raise unfit_to_evaluate(data)
            data = self._pair(*data)
        return with_subgroups(data, by)

    def _pair(self, X: Any, y: Any) -> Domain:
        """Examples and labels in memory, by the model's own names of what is predicted."""
        raise NotImplementedError

    def _told(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation; where some or all of what it was to be of was learned from, a warning says so."""
        if evaluation.overlap is not None and evaluation.overlap.learned:
            warnings.warn(evaluation.overlap.sentence, TransferiumWarning, stacklevel=3)
        return evaluation

    def _domain(self, X: Any, finite: bool = True) -> Domain:
        """Examples to answer; ``finite`` refuses infinity, as scikit-learn does; NaN is a missing cell."""
        if isinstance(X, Domain):
            return X
        if isinstance(X, (str, os.PathLike)):
            return self._read_path(X)
        if self.artifact_.kind not in OWN:
            return read_examples(X, **self._columns(X))
        if not is_rows(X):
            frame = as_frame(X)
            return read_examples(X, **(read_columns(self.artifact_, frame) if frame else {}))
        there = column_names(X)
        if there and self._matches(there):
            return read(check_array(X, dtype=DTYPES, ensure_all_finite="allow-nan" if finite else False), columns=there)
        rows = validate_data(self, X, reset=False, dtype=DTYPES, ensure_all_finite="allow-nan" if finite else False)
        seen = getattr(self, "feature_names_in_", None)
        return read(rows, columns=None if seen is None else seen.tolist())

    def _read_path(self, X: Any) -> Domain:
        """A file or folder read as the training data was; one text alone is met with what to write."""
        if isinstance(X, str) and not is_there(Path(X)):
            raise InputError(
                f"{X[:80]!r} is one text or a path that is not there: give the path of a file, or a list of "
                "examples, [example]."
            )
        return read_to_answer(self.artifact_, Path(X), {})

    def _columns(self, X: Any) -> dict[str, str]:
        """The column of a table in memory that holds the examples, where the model's training data named it."""
        then, there = self.artifact_.info.get("columns", {}), column_names(X) or (X if isinstance(X, Mapping) else ())
        return {use: then[use] for use in COLUMNS if isinstance(then.get(use), str) and then[use] in there}

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []  # features are single precision, whatever was given
        return tags

    def _embedder(self) -> Embedder:
        return Embedder(FeatureStore() if self.store else None, engine=self.engine, progress=display(self.verbose))

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            if not 0 <= self.random_state < 2**32:
                raise InputError(f"random_state must be from 0 to 4294967295; it was {self.random_state}.")
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))


def read_examples(X: Any, name: str = "data", **names: Any) -> Domain:
    """Examples of any kind; every column of a table is an input."""
    frame = as_frame(X)
    return read_frame(frame, Columns(labels_beside=True, **names), name) if frame else read(X, name=name, **names)


def as_domain(X: Any, y: Any) -> Any:
    """A path as a domain, which brings its own labels, and so any data set that is no sequence; else as it is."""
    data_set = hasattr(X, "__getitem__") and not hasattr(X, "__array__") and not isinstance(X, (list, tuple))
    if isinstance(X, (str, os.PathLike)) or (y is None and data_set and not as_frame(X)):
        return read(X)
    return X


def to_learn(X: Any, y: Any) -> Any:
    """``X`` as ``as_domain`` gives it; raises where labels are missing, or were given twice."""
    X = as_domain(X, y)
    if isinstance(X, Domain):
        if y is not None:
            raise InputError("a Domain brings its own labels; y was given as well. Leave y out.")
    elif y is None:
        raise ValueError(WITHOUT_Y)
    return X


def as_target(y: Any) -> Any:
    """Labels as scikit-learn takes them; raises ``DataError`` where one is missing."""
    if hasattr(y, "toarray") or getattr(y, "ndim", 1) == 2:
        return y.detach().cpu().numpy() if hasattr(y, "detach") else y
    if not isinstance(y, np.ndarray) and hasattr(y, "__array__") and not hasattr(y, "__len__"):
        y = np.asarray(y)
    cells = as_list(y, "y")
    if missing := missing_rows(cells):
        raise DataError(missing_cells("label", missing, len(cells), "y"))
    if any(isinstance(cell, bytes) for cell in cells):
        return np.array([label_name(cell) for cell in cells])
    if isinstance(y, (np.ndarray, list, tuple)) or isinstance(getattr(y, "dtype", None), np.dtype):
        return y
    return np.asarray(cells)


def unfit_to_evaluate(data: Any) -> InputError:
    """What to write instead of ``data``, which is no labelled data."""
    found = type(data).__name__
    how = "tm.read(frame, label='label')" if as_frame(data) else "(X, y)"
    return InputError(f"evaluate takes a Domain, (X, y) or the path of labelled data; got {found}. Give {how}.")


def is_pair(data: Any) -> bool:
    """Whether this is ``(X, y)``; a ``Domain`` brings labels of its own."""
    if not isinstance(data, (tuple, list)) or len(data) != PAIR:
        return False
    return bool(as_frame(data[0])) or not isinstance(data[0], (Domain, str, bytes, os.PathLike, Mapping))


def is_rows(X: Any) -> bool:
    """Whether scikit-learn's own checks apply: rows of numbers in an array, a data frame or lists."""
    if frame := as_frame(X):
        return hasattr(X, "dtypes") and holds_numbers(frame)
    if isinstance(X, (list, tuple)):
        return not X or not (isinstance(X[0], (str, os.PathLike, Mapping, type(None))) or is_picture(X[0]))
    if hasattr(X, "toarray"):
        return True
    if not hasattr(X, "__array__") or hasattr(X, "getbands") or hasattr(X, "detach"):
        return False
    array = np.asarray(X)
    texts = array.dtype.kind in "OUS" and (array.ndim == 1 or isinstance(next(iter(array.flat), None), str))
    return array.ndim <= 2 and not (texts and array.size == len(array))
