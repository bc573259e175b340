"""Saved models and runs as estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from transferium.artifact import load_artifact
from transferium.estimator.base import GIVEN
from transferium.estimator.classifier import TransferClassifier
from transferium.estimator.regressor import TransferRegressor
from transferium.estimator.tagger import TransferTagger
from transferium.job.adapt.evaluate_adapted import is_adapted
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.job.run_backbone import named_backbone
from transferium.models.adapter import read_adapter
from transferium.models.backbone import Backbone
from transferium.models.catalogue import reading_as
from transferium.problems.entities import Entities
from transferium.problems.regression import Regression

OTHERS: dict[str, type[TransferRegressor | TransferTagger]] = {
    Regression.kind: TransferRegressor,
    Entities.kind: TransferTagger,
}
"""The estimators of problems that are not those of a classifier."""


def base_for(folder: Path, spec: Any) -> Backbone:
    """The backbone that ``spec`` names, reading as much of an example as the adapter in ``folder`` learned from."""
    told = read_adapter(folder)[0].backbone
    found = named_backbone(spec, told["kind"])
    return found if told["preprocess"] is None else reading_as(found, told["preprocess"])


def load(folder: str | Path, *, backbone: Any = None) -> TransferClassifier | TransferRegressor | TransferTagger:
    """Read a saved model or run directory back; raises ``ArtifactError`` for what is not understood.

    An adapter alone, ``adapter.json`` and ``adapter.safetensors`` in a folder, is put into the backbone that it was
    trained in: the one of that name here, or the ``backbone`` that is given (whatever ``fit`` takes). ``InputError``
    where that is another one.
    Class labels come back as ``fit`` was given them, numbers as numbers, in the saved order; those of a run as texts.
    """
    artifact = load_artifact(folder, None if backbone is None else base_for(Path(folder), backbone))
    name = artifact.info.get("method", {}).get("name", "probe")
    if (other := OTHERS.get(artifact.problem.kind)) is not None:
        estimator = other(name)
        estimator.artifact_ = artifact
        return estimator
    model = TransferClassifier(name)
    model.artifact_ = artifact
    model.classes_ = np.array(artifact.info.get(GIVEN, artifact.classes))
    if is_adapted(Path(folder)):
        model.source_only_ = load_artifact(Path(folder) / SOURCE_ONLY)
    return model
