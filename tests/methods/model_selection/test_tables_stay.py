"""Columns of tables are not adapted without labels: what differs is whom they are about."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine

import transferium as tm
from transferium.methods.model_selection.guards import WITHOUT_LABELS

pytestmark = pytest.mark.filterwarnings(
    "ignore::transferium.errors.TransferiumWarning"  # one class is rare in the half with little alcohol
)
CANDIDATES = ("coral", "standardise", "prototypes")


@pytest.fixture(scope="module")
def halves() -> tuple[np.ndarray, ...]:
    """Wine, divided at the median of alcohol, in which the classes differ."""
    x, y = load_wine(return_X_y=True)
    low = x[:, 0] <= np.median(x[:, 0])
    return x[low], y[low], x[~low], y[~low]


def test_auto_takes_source_only_and_says_why(halves: tuple[np.ndarray, ...]) -> None:
    x, y, z, truth = halves
    model = tm.TransferClassifier("auto").fit(z, source=(x, y))
    told = model.evaluate((z, truth))
    assert WITHOUT_LABELS in model.selection_.notes and model.selection_.chosen == {"method": "source-only"}
    assert told.source_only["accuracy"].value == told["accuracy"].value > 0.9


def test_candidates_that_are_named_stand_and_features_adapt(halves: tuple[np.ndarray, ...]) -> None:
    x, y, z, _ = halves
    named = tm.TransferClassifier("auto", settings={"adaptations": CANDIDATES}).fit(z, source=(x, y))
    assert [row["method"] for row in named.selection_.candidates] == ["source-only", "prototypes"]
    assert all(any(f"{name} did not stand" in note for note in named.selection_.notes) for name in CANDIDATES[:2])
    source, target = tm.read(x, kind="features", label=y), tm.read(z, kind="features")
    read = tm.TransferClassifier("auto").fit(target, source=source)
    assert WITHOUT_LABELS not in read.selection_.notes and len(read.selection_.candidates) > 1
