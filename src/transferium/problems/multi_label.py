"""Any number of labels for each example, such as the genres of a film."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, TransferiumWarning, did_you_mean, option
from transferium.functional.bootstrap import GAIN, Interval, bootstrap, bounded, units_of
from transferium.functional.calibration import fit_temperature
from transferium.functional.metrics.multi_label_metrics import PER_LABEL, label_probability_statistics, label_statistics
from transferium.problems.evaluation import Evaluation, Rests
from transferium.problems.label_cells import is_missing, is_several, label_name, label_names, sort_names
from transferium.problems.problem import Array, Labels, Link, Problem, Wording

if TYPE_CHECKING:
    from torch import Tensor

SEPARATOR = "|"


@dataclass(frozen=True)
class MultiLabel(Problem):
    """Any number of ``names`` for each example: labels are an indicator matrix ``uint8 (n, len(names))``.

    In a cell they are joined by ``separator``; an empty cell means none of them, which a warning says. A label is
    answered where its probability is at least one half.

    >>> labels, problem = MultiLabel.read(["Comedy|Drama", "Drama"], "genres")
    >>> labels.tolist(), problem.names, problem.cell(labels[0])
    ([[1, 1], [0, 1]], ('Comedy', 'Drama'), 'Comedy|Drama')
    """

    kind: ClassVar[str] = "multi-label"
    learner: ClassVar[str] = "a multi-label classifier"
    link: ClassVar[Link] = "sigmoid"
    headline: ClassVar[str] = "micro_f1"
    loss_name: ClassVar[str] = "log_loss"
    constant_name: ClassVar[str] = "label_rates"
    stratum: ClassVar[str] = "rarest label"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("micro_f1", "micro F1"),
        ("macro_f1", "macro F1"),
        ("subset_accuracy", "subset accuracy"),
        ("hamming_loss", "Hamming loss"),
        ("log_loss", "log-loss"),
    )
    wording: ClassVar[Wording] = Wording.of_share("micro F1")

    separator: str = SEPARATOR

    @classmethod
    def read(cls, values: Sequence[Any], where: str, separator: str = SEPARATOR) -> tuple[Labels, MultiLabel]:
        if (matrix := indicators(values)) is not None:
            return cls.of_indicators(matrix, range(matrix.shape[1]), where)
        cells = [[] if is_missing(value) else _parts(value, separator) for value in values]
        named = iter(label_names(list(chain.from_iterable(cells)), where))
        parts = [[next(named) for _ in cell] for cell in cells]
        none = sum(not names for names in parts)
        if none == len(values):
            raise DataError(f"{where} has no label at all: give examples with labels.")
        if none:
            words = f"{none} of {len(values)} cells in {where} are empty: these examples have none of the labels."
            warnings.warn(words, TransferiumWarning, stacklevel=2)
        if empty := [row for row, names in enumerate(parts) if "" in names]:
            raise DataError(
                f"{where} has an empty label in row {empty[0] + 1} (counted from 1): {values[empty[0]]!r} split at "
                f"{separator!r}. Write labels as in a{separator}b, or say what stands between them: "
                f"{option('separator')}"
            )
        names = sort_names(set(chain.from_iterable(parts)))
        place = {name: i for i, name in enumerate(names)}
        labels = np.zeros((len(parts), len(names)), np.uint8)
        for row, listed in enumerate(parts):
            labels[row, [place[name] for name in listed]] = 1
        return labels, cls(names, separator)

    @classmethod
    def of_indicators(cls, values: NDArray[Any], names: Sequence[Any], where: str) -> tuple[Labels, MultiLabel]:
        """Labels and problem of a matrix of zeros and ones with a column for each of ``names``.

        >>> MultiLabel.of_indicators(np.array([[1, 0], [1, 1]]), ["red", "old"], "y")[1].names
        ('red', 'old')
        """
        if values.dtype.kind not in "buif" or not np.isin(values, (0, 1)).all():
            raise DataError(
                f"{where} has {values.shape[1]} columns, which are then one for each label, and not all of its cells "
                "are 0 or 1: give zeros and ones, or lists of labels."
            )
        return values.astype(np.uint8), cls(tuple(map(str, names)))

    def said(self) -> str:
        return f"any of {len(self.names)} labels"

    def cell(self, label: Any) -> str:
        return self.separator.join(name for name, there in zip(self.names, label, strict=True) if there)

    def answer(self, outputs: Array) -> str:
        return self.cell(outputs >= 0.5)

    def value(self, outputs: Array) -> list[str]:
        return [name for name, p in zip(self.names, outputs, strict=True) if p >= 0.5]

    def joined(self, others: Sequence[Problem]) -> MultiLabel:
        names = chain(self.names, *(other.names for other in others))
        return MultiLabel(sort_names({label_name(name) for name in names}), self.separator)

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        place = {label_name(name): i for i, name in enumerate(self.names)}
        used = {label_name(name): column for name, column in zip(other.names, labels.T, strict=True) if column.any()}
        if unknown := [name for name in used if name not in place]:
            raise DataError(
                f"{where} has the label {unknown[0]!r}, which this model was not trained on. "
                f"{did_you_mean(unknown[0], self.names)}"
            )
        matched = np.zeros((len(labels), len(self.names)), np.uint8)
        for name, column in used.items():
            matched[:, place[name]] |= column
        return matched

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """The rarest label of each example, 0 for none: each label is then spread about as evenly as can be."""
        counts = labels.sum(axis=0, dtype=np.int64)
        order = np.where(labels > 0, counts, counts.max(initial=0) + 1)
        rarest: NDArray[np.int64] = np.where(labels.any(axis=1), order.argmin(axis=1) + 1, 0)
        return np.unique(rarest, return_inverse=True)[1]

    def counts(self, labels: Labels) -> dict[str, int]:
        return dict(zip(self.names, labels.sum(axis=0, dtype=np.int64).tolist(), strict=True))

    def check_learnable(self, labels: Labels, where: str) -> None:
        if not len(labels):
            raise DataError(f"a multi-label classifier needs examples whose labels differ; {where} holds none.")
        if not self.names or (labels == labels[:1]).all():
            raise DataError(
                f"every example of {where} has the same labels ({self.cell(labels[0]) or 'none'}): there is nothing "
                "to tell apart. Give examples whose labels differ."
            )

    def predict(self, outputs: Array) -> Labels:
        return (outputs >= 0.5).astype(np.uint8)

    def calibrate(self, scores: Array, labels: Labels, weights: NDArray[Any] | None = None) -> float:
        """One temperature for all labels: each score is that of a pair of classes, ``(0, score)``."""
        pairs = np.stack([np.zeros(scores.size), scores.ravel()], axis=1)
        each = None if weights is None else np.repeat(weights, scores.shape[1])
        return fit_temperature(pairs, labels.ravel().astype(np.int64), each)

    def constant(self, labels: Labels) -> Array:
        rates: Array = labels.mean(axis=0, dtype=np.float64)
        return rates

    def losses(self, scores: Array, labels: Labels) -> Array:
        """Mean over the labels of ``log(1 + exp(-s))`` where a label is there, ``log(1 + exp(s))`` where it is not."""
        each: Array = np.logaddexp(0.0, np.where(labels > 0, -scores, scores)).mean(axis=1)
        return each

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(scores, labels.to(scores.dtype), reduction="none").mean(dim=1)

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        guess, truth = outputs >= 0.5, labels > 0
        counts = np.ones((len(labels), 1)) if weights is None else np.asarray(weights)[:, None]
        both, either = (counts * (guess & truth)).sum(), (counts * guess).sum() + (counts * truth).sum()
        return float(2 * both / either) if either else 0.0

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> Evaluation:
        parts = (label_statistics(labels, self.predict(outputs)), label_probability_statistics(labels, outputs))

        def statistics(counts: Array) -> dict[str, Array]:
            return {name: value for part in parts for name, value in part(counts).items()}

        estimates = {name: value[0] for name, value in statistics(np.ones((1, len(labels)))).items()}
        samples = bootstrap(statistics, len(labels), seed=seed, resamples=1000, groups=groups)
        rests = Rests(labels > 0, self.predict(outputs) > 0, groups)
        metrics: dict[str, Interval | None] = {
            name: rests.interval(name, value, samples[name])
            for name, value in estimates.items()
            if name not in PER_LABEL
        }
        rows = []
        for k, label in enumerate(self.names):
            row: dict[str, Any] = {"label": label}
            for name in PER_LABEL:
                row[name] = rests.interval(name, estimates[name][k], samples[name][:, k], k)
            rows.append(row | {"support": int(labels[:, k].sum())})
        return Evaluation(metrics, len(labels), self.headline, per_output=rows)

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """The difference in micro F1, each example resampled with both models' answers."""
        truth = labels > 0

        def difference(counts: Array) -> dict[str, Array]:
            found = []
            for guess in (ours >= 0.5, theirs >= 0.5):
                both, either = (guess & truth).sum(axis=1), guess.sum(axis=1) + truth.sum(axis=1)
                whole = counts @ either
                found.append(np.divide(2 * (counts @ both), whole, out=np.zeros(len(counts)), where=whole > 0))
            return {"gain": found[0] - found[1]}

        value = float(difference(np.ones((1, len(labels))))["gain"][0])
        samples = bootstrap(difference, len(labels), seed=seed, resamples=2000, groups=groups)["gain"]
        return bounded(value, samples, units_of(len(labels), groups), GAIN)

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"separator": self.separator}


def _parts(value: Any, separator: str) -> list[Any]:
    """The labels of one cell: a text cut at ``separator``, or any sequence of labels."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator)]
    return ["" if is_missing(part) else part for part in value] if is_several(value) else [value]


def indicators(values: Sequence[Any]) -> NDArray[Any] | None:
    """Lists of zeros and ones, all of one length, as a matrix: a list of names would name none of them twice.

    >>> indicators([[0, 1], [1, 1]]).tolist(), indicators([["a"], ["b"]])
    ([[0, 1], [1, 1]], None)
    """
    if not all(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        return None
    widths = {len(value) for value in values}
    numbers = all(isinstance(part, (int, float, np.number, np.bool_)) and part in (0, 1) for v in values for part in v)
    return np.asarray(values) if len(widths) == 1 and min(widths) > 1 and numbers else None
