"""Whether a classifier knows when it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from transferium.evaluation.sides.looked import Looked
from transferium.functional.bootstrap import bootstrap, units_of
from transferium.functional.calibration import error_by_chance, error_interval
from transferium.functional.metrics.confidence_metrics import confidence_statistics, equal_bins, risk_coverage
from transferium.problems.evaluation import interval_of


def confidence_curve(looked: Looked) -> dict[str, Any]:
    """Calibration errors, Brier score and the risk-coverage curve, with 95 % intervals; of classes alone.

    The expected calibration error is the one beside it, ``calibration_error``; the adaptive one is biased upwards as it
    is, and so is its interval made. The accuracies on the curve are read off the same
    examples that order it.
    """
    y, outputs, groups = looked.of_classes("confidence"), looked.held.outputs, looked.held.domain.groups
    statistics = confidence_statistics(y, outputs)
    values = {name: float(value[0]) for name, value in statistics(np.ones((1, len(y)))).items()}
    samples = bootstrap(statistics, len(y), seed=looked.seed, resamples=1000, groups=groups)
    units = units_of(len(y), groups)
    found: dict[str, Any] = {"calibration_error": looked.evaluation["calibration_error"].as_dict()}
    for name, value in values.items():
        found[name] = interval_of(name, value, samples[name], units).as_dict()
    name, bins = "adaptive_calibration_error", equal_bins(outputs)
    chance = error_by_chance(outputs, seed=looked.seed, member=bins, groups=groups)
    found[name] = error_interval(values[name], samples[name], chance, units).as_dict()
    return found | {"temperature": looked.model.head.temperature, "risk_coverage": risk_coverage(y, outputs)}
