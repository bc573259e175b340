"""The catalogue of validators by name, and the scores of one candidate by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from transferium.errors import InputError, did_you_mean
from transferium.functional.linear_classifier import fit_linear
from transferium.functional.validators.agreement import peer_agreement
from transferium.functional.validators.clusters import cluster_agreement, silhouette
from transferium.functional.validators.confidence import certainty, diversity, information, nuclear_norm
from transferium.functional.validators.cross_validation import cross_validated
from transferium.functional.validators.ensemble import ensemble_agreement
from transferium.functional.validators.evidence import CannotScoreError, Evidence
from transferium.functional.validators.neighbourhood_density import neighbourhood_density
from transferium.functional.validators.reverse import reverse_accuracy
from transferium.functional.validators.source import dev, importance_weighted, importance_weights, source_accuracy


@dataclass(frozen=True)
class Score:
    """A validator's verdict on one candidate: a value, higher is better, or the reason why there is none."""

    value: float | None
    reason: str = ""


def _weights_then(score: Callable[..., float]) -> Callable[[Evidence], float]:
    def weighted(e: Evidence) -> float:
        train = e.source_features if e.train_features is None else e.train_features
        return score(
            e.source_labels, e.held_out_logits, importance_weights(train, e.source_features, e.target_features)
        )

    return weighted


VALIDATORS: dict[str, Callable[[Evidence], float]] = {
    "source-accuracy": lambda e: source_accuracy(e.source_labels, e.held_out_logits),
    "importance-weighted": _weights_then(importance_weighted),
    "dev": _weights_then(dev),
    "snd": lambda e: neighbourhood_density(e.target_logits),
    "information": lambda e: information(e.target_logits),
    "entropy": lambda e: certainty(e.target_logits),
    "diversity": lambda e: diversity(e.target_logits),
    "ensemble": lambda e: ensemble_agreement(e.target_logits, e.others),
    "agreement": lambda e: peer_agreement(e.target_logits, e.others).value,
    "cross-validation": lambda e: cross_validated(
        e.target_features, [e.target_predictions], classes=e.target_logits.shape[1]
    )[0],
    "bnm": lambda e: nuclear_norm(e.target_logits),
    "silhouette": lambda e: silhouette(e.target_features, e.target_predictions),
    "ami": lambda e: cluster_agreement(e.target_features, e.target_predictions, classes=e.target_logits.shape[1]),
    "reverse": lambda e: reverse_accuracy(
        e.source_features, e.source_labels, e.target_features, e.target_predictions, fit_linear
    ),
}

OF_SOURCE = ("source-accuracy", "importance-weighted", "dev")
"""Validators that need logits of held-out source rows; their features must be the input of the last layer."""


def check_names(names: Iterable[str]) -> None:
    """Raise ``InputError`` for a name that no validator has."""
    for name in names:
        if name not in VALIDATORS:
            raise InputError(f"there is no validator {name!r}. {did_you_mean(name, VALIDATORS)}")


def validate(evidence: Evidence, names: tuple[str, ...] = tuple(VALIDATORS)) -> dict[str, Score]:
    """The scores by the named validators; one that cannot be computed gives its reason and does not stop the others.

    >>> import numpy as np
    >>> x, logits = np.array([[-1.0], [1.0]]), np.array([[9.0, 0.0], [0.0, 9.0]])
    >>> scores = validate(Evidence(x, logits, np.array([0, 1]), x, logits))
    >>> scores["source-accuracy"].value, scores["dev"].value is None
    (1.0, True)
    """
    check_names(names)
    scores = {}
    for name in names:
        try:
            scores[name] = Score(VALIDATORS[name](evidence))
        except CannotScoreError as reason:
            scores[name] = Score(None, str(reason))
    return scores
