"""Saved models and runs as estimators."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from transferium.artifact import load_artifact
from transferium.estimator.base import GIVEN
from transferium.estimator.classifier import TransferClassifier
from transferium.estimator.regressor import TransferRegressor
from transferium.job.adapt.evaluate_adapted import is_adapted
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.problems.regression import Regression


def load(folder: str | Path) -> TransferClassifier | TransferRegressor:
    """Read a saved model or run directory back; raises ``ArtifactError`` for what is not understood.

    Class labels come back as ``fit`` was given them, numbers as numbers, in the saved order; those of a run as texts.
    """
    artifact = load_artifact(folder)
    name = artifact.info.get("method", {}).get("name", "probe")
    if isinstance(artifact.problem, Regression):
        regressor = TransferRegressor(name)
        regressor.artifact_ = artifact
        return regressor
    model = TransferClassifier(name)
    model.artifact_ = artifact
    model.classes_ = np.array(artifact.info.get(GIVEN, artifact.classes))
    if is_adapted(Path(folder)):
        model.source_only_ = load_artifact(Path(folder) / SOURCE_ONLY)
    return model
