"""What a classifier is worth on labelled examples that took no part in any choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.bootstrap import Interval, bootstrap, least_mean, least_share, units_of
from transferium.functional.calibration import error_by_chance, error_interval, reliability
from transferium.functional.metrics.class_metrics import (
    PER_CLASS,
    Statistics,
    class_statistics,
    confusion_matrix,
    probability_statistics,
    ranking_statistics,
)
from transferium.problems.evaluation import Evaluation, interval_of
from transferium.system.shown import axes

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class ClassEvaluation(Evaluation):
    """An evaluation of class probabilities; a row of ``confusion`` is a class, a column an answer."""

    classes: tuple[str, ...] = ()
    confusion: list[list[int]] = field(default_factory=list)
    reliability: list[dict[str, Any]] = field(default_factory=list)
    reliability_before: list[dict[str, Any]] | None = None

    @property
    def accuracy(self) -> Interval:
        return self["accuracy"]

    def plot(self, ax: Any = None) -> Any:
        """The confusion matrix, each row as shares of its class, drawn by matplotlib into ``ax``, which is returned."""
        ax, counts = axes(ax), np.array(self.confusion)
        ax.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1.6)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ax.text(column, row, str(count), ha="center", va="center")
        ticks = {"ticks": range(len(self.classes)), "labels": self.classes}
        ax.set_xticks(**ticks, rotation=90)
        ax.set_yticks(**ticks)
        ax.set(xlabel="answered", ylabel="true")
        return ax

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        plain = self.metrics_as_dict() | {
            "per_class": self.rows_as_dict(),
            "classes": list(self.classes),
            "confusion": self.confusion,
            "reliability": self.reliability,
        }
        plain |= self.examples_as_dict()
        return plain if self.reliability_before is None else plain | {"reliability_before": self.reliability_before}


def evaluate(
    y: NDArray[np.int64],
    probabilities: Array,
    classes: Sequence[str],
    *,
    seed: int,
    resamples: int = 1000,
    before: Array | None = None,
    groups: Array | None = None,
) -> ClassEvaluation:
    """Every metric of ``probabilities (n, classes)`` against labels ``y (n,)``, with 95 % bootstrap intervals.

    ``before`` are the probabilities before calibration, for the metrics that calibration changes. With ``groups (n,)``
    whole groups are resampled. Where a share is exactly 0 or 1 the bootstrap collapses to a point, and the exact
    (Clopper-Pearson) limit takes its place on the open side; for a mean over classes, the limit is that of the
    class it leaves the most room. The calibration error of a sample is biased upwards, which its interval allows for
    (``error_interval``). With two classes, the second is the positive one.

    >>> result = evaluate(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), ["a", "b"], seed=0)
    >>> round(result.accuracy.value, 3), result.confusion
    (0.667, [[1, 0], [1, 1]])
    """
    y, probabilities = np.asarray(y, np.int64), _checked(y, probabilities, classes)
    guess = probabilities.argmax(axis=1)
    parts = [class_statistics(y, guess, len(classes)), probability_statistics(y, probabilities)]
    if before is not None:
        parts.append(_renamed(probability_statistics(y, _checked(y, before, classes)), "_before"))
    reasons = _ranking_reasons(y, classes)
    if len(classes) == 2 and not reasons:
        parts.append(ranking_statistics(y == 1, probabilities[:, 1]))

    def everything(counts: Array) -> dict[str, Array]:
        return {name: value for part in parts for name, value in part(counts).items()}

    estimates = {name: value[0] for name, value in everything(np.ones((1, len(y)))).items()}
    samples = bootstrap(everything, len(y), seed=seed, resamples=resamples, groups=groups)
    limits, units = ExactLimits(y, len(classes), groups), units_of(len(y), groups)
    shown = {"calibration_error": probabilities} | ({} if before is None else {"calibration_error_before": before})
    chance = {name: error_by_chance(p, seed=seed, groups=groups) for name, p in shown.items()}
    metrics: dict[str, Interval | None] = {
        name: error_interval(float(value), samples[name], chance[name], units)
        if name in chance
        else interval_of(name, float(value), samples[name], units, limits.limit(name))
        for name, value in estimates.items()
        if name not in PER_CLASS
    }
    return ClassEvaluation(
        metrics=metrics | dict.fromkeys(reasons),
        per_output=_class_rows(y, guess, classes, groups, estimates, samples),
        classes=tuple(classes),
        confusion=confusion_matrix(y, guess, len(classes)).tolist(),
        reliability=reliability(probabilities, y),
        reliability_before=None if before is None else reliability(before, y),
        examples=len(y),
        reasons=reasons,
    )


def accuracy_interval(
    right: NDArray[np.bool_], *, seed: int, resamples: int = 1000, groups: Array | None = None
) -> Interval:
    """The share of answers that are right, with the interval that :func:`evaluate` gives the same answers.

    >>> accuracy_interval(np.array([True, True]), seed=0)  # doctest: +ELLIPSIS
    Interval(value=1.0, low=0.158..., high=1.0)
    """

    def share(counts: Array) -> dict[str, Array]:
        return {"accuracy": (counts * right).sum(axis=1) / counts.sum(axis=1)}

    samples = bootstrap(share, len(right), seed=seed, resamples=resamples, groups=groups)["accuracy"]
    return interval_of("accuracy", float(right.mean()), samples, units_of(len(right), groups))


class ExactLimits:
    """How far below 1 a share may truly be when the sample shows exactly 1: the exact limit for so many examples."""

    def __init__(self, y: NDArray[np.int64], classes: int, groups: Array | None) -> None:
        supports = [units_of(len(y), groups, y == k) for k in range(classes) if (y == k).any()]
        self.share, self.mean = least_share(units_of(len(y), groups)), least_mean(supports)
        self.rarest = least_share(min(supports))

    def limit(self, name: str) -> float:
        """The lower limit of a perfect metric; a ranking rests on the rarer class."""
        if name == "accuracy" or name.startswith("weighted_"):
            return self.share
        return self.mean if name == "balanced_accuracy" or name.startswith("macro_") else self.rarest


def _class_rows(
    y: NDArray[np.int64],
    guess: NDArray[np.int64],
    classes: Sequence[str],
    groups: Array | None,
    estimates: dict[str, Array],
    samples: dict[str, Array],
) -> list[dict[str, Any]]:
    rows = []
    for k, label in enumerate(classes):
        row: dict[str, Any] = {"class": label}
        for name in PER_CLASS:
            units = units_of(len(y), groups, (guess if name == "precision" else y) == k)
            row[name] = interval_of(name, float(estimates[name][k]), samples[name][:, k], units)
        rows.append(row | {"support": int((y == k).sum())})
    return rows


def _ranking_reasons(y: NDArray[np.int64], classes: Sequence[str]) -> dict[str, str]:
    missing = [label for k, label in enumerate(classes) if not (y == k).any()]
    if len(classes) != 2 or not missing:
        return {}
    return dict.fromkeys(("roc_auc", "average_precision"), f"no example of {missing[0]!r} to rank the others against")


def _renamed(statistics: Statistics, suffix: str) -> Statistics:
    return lambda counts: {f"{name}{suffix}": value for name, value in statistics(counts).items()}


def _checked(y: Array, probabilities: Array, classes: Sequence[str]) -> NDArray[np.float64]:
    probabilities = np.asarray(probabilities, np.float64)
    if not len(y) or probabilities.shape != (len(y), len(classes)):
        raise DataError(
            f"evaluation needs probabilities ({len(y)}, {len(classes)}) for {len(y)} labels and {len(classes)} "
            f"classes, and at least one example; it was given {probabilities.shape}."
        )
    if np.min(y) < 0 or np.max(y) >= len(classes):
        raise DataError(f"labels must lie between 0 and {len(classes) - 1}; found {np.min(y)} to {np.max(y)}.")
    if not (np.abs(probabilities.sum(axis=1) - 1) < 1e-4).all() or (probabilities < 0).any():
        raise DataError("rows of probabilities must be finite, not negative, and sum to 1; some do not.")
    return probabilities
