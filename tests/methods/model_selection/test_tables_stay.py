"""Columns of tables are not adapted without labels: what differs is whom they are about."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine

import transferium as tm
from transferium.methods.model_selection.guards import WITHOUT_LABELS


def halves() -> tuple[np.ndarray, ...]:
    """Wine, divided at the median of alcohol, which is what the classes differ in."""
    x, y = load_wine(return_X_y=True)
    low = x[:, 0] <= np.median(x[:, 0])
    return x[low], y[low], x[~low], y[~low]


@pytest.mark.filterwarnings("ignore::transferium.errors.TransferiumWarning")  # one class is rare in the low half
def test_rows_take_source_only_and_say_why() -> None:
    x, y, z, truth = halves()
    told = tm.TransferClassifier().fit(z, source=(x, y)).evaluate((z, truth))
    assert told.source_only["accuracy"].value == told["accuracy"].value > 0.9
    assert "labelled target examples" in WITHOUT_LABELS


@pytest.mark.filterwarnings("ignore::transferium.errors.TransferiumWarning")
def test_a_method_by_name_adapts_rows_all_the_same() -> None:
    x, y, z, truth = halves()
    told = tm.TransferClassifier("standardise").fit(z, source=(x, y)).evaluate((z, truth))
    assert told.source_only["accuracy"].value != told["accuracy"].value
