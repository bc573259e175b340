"""The data that validators may use when a model is chosen without target labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferium.errors import DataError
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import Array, Floats, Labels, labels_of, matrix, two_domains


class CannotScoreError(DataError):
    """A validator cannot be computed for this data; the message says why."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The features and logits of one candidate model on both domains, without any target label.

    ``source_*`` are *held-out* source rows: ``features (n, width)``, ``logits (n, classes)`` and ``labels (n,)``; where
    the logits are None, validators that read them cannot score. ``target_*`` are ``(m, width)`` and ``(m, classes)``.
    ``train_features`` are source rows that the model was fitted to, used to estimate importance weights without
    touching the held-out ones; None uses the held-out rows for both. ``others`` are the target logits ``(m, classes)``
    of the candidates that it is compared with.
    """

    source_features: Floats
    source_logits: Floats | None
    source_labels: Labels
    target_features: Floats
    target_logits: Floats
    train_features: Floats | None = None
    others: tuple[Floats, ...] = ()

    def __post_init__(self) -> None:
        two_domains(self.source_features, self.target_features)
        two_domains(self.target_logits if self.source_logits is None else self.source_logits, self.target_logits)
        labels_of(self.source_labels, len(self.source_features), "source_labels", self.target_logits.shape[1])
        for name in ("source", "target"):
            features, logits = getattr(self, f"{name}_features"), getattr(self, f"{name}_logits")
            if logits is not None and len(features) != len(logits):
                raise DataError(f"{name} has {len(features)} rows of features but {len(logits)} rows of logits")
        if self.train_features is not None:
            matrix(self.train_features, "train_features")

    @property
    def held_out_logits(self) -> Floats:
        """``source_logits``; raises ``CannotScoreError`` where there are none."""
        if self.source_logits is None:
            raise CannotScoreError("how the candidate answers held-out source rows is not known")
        return self.source_logits

    @property
    def target_probabilities(self) -> Array:
        return softmax(self.target_logits)

    @property
    def target_predictions(self) -> Labels:
        out: Labels = np.asarray(self.target_logits).argmax(axis=1)
        return out
