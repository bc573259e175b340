"""Entities with scikit-learn's face: a tag for each word of a sentence, or spans of a text."""

from __future__ import annotations

import os
from typing import Any

from sklearn.utils.validation import check_is_fitted

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.readers.frames import as_frame
from transferium.errors import InputError
from transferium.estimator.base import TransferEstimator, to_learn
from transferium.problems.entities import Entities
from transferium.problems.word_tags import written_tags


class TransferTagger(TransferEstimator):
    """A pretrained text encoder and a tagger of the entities in each sentence.

    Parameters are those of :class:`TransferEstimator`; ``transferium methods`` says which methods label entities.
    Sentences and tags are what sklearn-crfsuite and seqeval take: a list of words, and a list of tags (BIO, IOB or
    BIOES), for each. A sentence may also be a text, which is cut into words, and its label a list of spans,
    ``{"start": 0, "end": 4, "label": "place"}``.

    Attributes
    ----------
    artifact_ : what ``save`` writes
    diagnosis_ : what the data doctor found
    selection_ : how the hyper-parameters were chosen

    Examples
    --------
    >>> sentences = [["Anna", "sees", name] for name in ("Rome", "Paris", "Berlin", "Oslo", "Bern", "Lima")]
    >>> model = TransferTagger(settings={"Cs": (1.0,), "folds": 2}).fit(sentences, [["O", "O", "B-place"]] * 6)
    >>> model.predict([["Peter", "sees", "London"]])
    [['O', 'O', 'B-place']]
    """

    def fit(self, X: Any, y: Any = None) -> TransferTagger:
        """Fit on a ``Domain`` of entities (or the path of data), or on sentences ``X`` with tags or spans ``y``."""
        self._forget_columns()
        self._fit(_labelled(X, y))
        return self

    def predict(self, X: Any) -> list[list[str]]:
        """A tag (BIO) for each word of each sentence; of texts, for the words that they are cut into."""
        outputs, problem = self._outputs(X), self.artifact_.problem
        return [written_tags(tags, problem.names) for tags in problem.predict(outputs)]

    def predict_spans(self, X: Any) -> list[list[dict[str, Any]]]:
        """The entities of each sentence: ``start`` and ``end`` in its text, ``label``, ``text`` and ``confidence``.

        The text of a list of words is the words with one blank between them.
        """
        check_is_fitted(self)
        domain = self._domain(X)
        return self.artifact_.problem.values(self._outputs(domain), domain.samples)

    def _domain(self, X: Any, finite: bool = True) -> Domain:
        """Lists of words and texts alike are sentences here."""
        if isinstance(X, (Domain, str, os.PathLike)) or as_frame(X):
            return super()._domain(X, finite)
        return read(X, kind="sentence")

    def score(self, X: Any, y: Any) -> float:
        """The span F1, strict and over all types, on sentences with tags or spans."""
        return float(self.evaluate((X, y))["span_f1"].value)

    def _pair(self, X: Any, y: Any) -> Domain:
        return _labelled(X, y)


def _labelled(X: Any, y: Any) -> Domain:
    """Sentences with entities; raises ``InputError`` for labels of another problem."""
    X = to_learn(X, y)
    if not isinstance(X, Domain):
        return read(X, kind="sentence", label=y, problem=Entities.kind)
    if X.problem is not None and not isinstance(X.problem, Entities):
        raise InputError(
            f"the labels of {X.name!r} are {X.problem.said()}, and a tagger labels entities: read it with "
            "problem='entities', or use TransferClassifier."
        )
    return X
