"""The scikit-learn face: estimators that fit, clone, pickle and are grid-searched like any other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from transferium.artifact import Artifact, replacing
from transferium.data.domain import Domain
from transferium.data.learned import Learned
from transferium.data.read import read
from transferium.data.readers.arrays import column_names
from transferium.embedding.embed import Embedder, check_all_read
from transferium.embedding.engines.engine import Choice
from transferium.embedding.store.store import FeatureStore
from transferium.errors import TransferiumWarning
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.job.fit.prepare import Prepared, prepare, training_parts, warn_of_findings, with_suspicious
from transferium.job.fit.readable import choose_backbone
from transferium.job.options import parse_settings
from transferium.job.predict.apply import predict_domain, read_to_answer
from transferium.job.run_directory.provenance import data_fingerprint, provenance
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import check_problem
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.problems.evaluation import Evaluation
from transferium.system.display import display

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
        None takes the bundled backbone for images or English texts, and none for feature tables.
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
        prepared = prepare(domain, embedder, backbone, watch=Stopwatch(), found=found)
        train, val = training_parts(prepared)
        seed = self._seed()
        progress = embedder.progress
        fitted = method.fit(Task(train, val, prepared.backbone, embedder, seed, train.groups, progress=progress))
        info = {"method": method.to_json(), "selection": fitted.selection.to_json(), "seed": seed}
        info["feature_names"] = domain.feature_names
        info["provenance"] = provenance(f"{type(self).__name__}.fit", data_fingerprint(prepared.domain))
        self.artifact_ = Artifact(fitted.backbone, fitted.head, train.posed, info, Learned.of(train, val))
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

    def _told(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation; where some or all of what it was to be of was learned from, a warning says so."""
        if evaluation.overlap is not None and evaluation.overlap.learned:
            warnings.warn(evaluation.overlap.sentence, TransferiumWarning, stacklevel=3)
        return evaluation

    def _domain(self, X: Any, finite: bool = True) -> Domain:
        """Examples to answer; ``finite`` refuses rows with NaN or infinity, as scikit-learn does."""
        if isinstance(X, Domain):
            return X
        if isinstance(X, (str, Path)):
            return read_to_answer(self.artifact_, Path(X), {})
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []  # features are single precision, whatever was given
        return tags

    def _embedder(self) -> Embedder:
        return Embedder(FeatureStore() if self.store else None, engine=self.engine, progress=display(self.verbose))

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))


def read_examples(X: Any, **names: Any) -> Domain:
    """Examples of any kind, by scikit-learn's habit: a table, or else a sequence."""
    return read(X if is_table(X) else list(X), **names)


def is_pair(data: Any) -> bool:
    """Whether this is ``(X, y)``; a ``Domain`` brings labels of its own."""
    return isinstance(data, (tuple, list)) and len(data) == PAIR and not isinstance(data[0], (Domain, str, bytes, Path))


def is_table(X: Any) -> bool:
    """Whether scikit-learn's own checks apply: anything that is not a sequence of texts, paths, images or bytes."""
    if isinstance(X, (list, tuple)) and X:
        return not isinstance(X[0], (str, bytes, Path)) and np.ndim(X[0]) < 2 and not hasattr(X[0], "mode")
    return not (isinstance(X, np.ndarray) and (X.ndim > 2 or (X.ndim == 1 and X.dtype.kind in "OUS")))
