"""One class of several: what is usually called classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, did_you_mean, option
from transferium.functional.bootstrap import Interval, paired_interval
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import log_softmax
from transferium.problems.class_evaluation import ClassEvaluation, evaluate
from transferium.problems.label_cells import (
    is_several,
    label_name,
    label_names,
    missing_cells,
    missing_rows,
    sort_names,
)
from transferium.problems.problem import Array, Labels, Link, Problem, Wording

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Classes(Problem):
    """One class of several for each example: labels are positions ``int64 (n,)`` in ``names``.

    >>> labels, problem = Classes.read(["cat", "dog", "cat"], "y")
    >>> labels.tolist(), problem.names
    ([0, 1, 0], ('cat', 'dog'))
    """

    kind: ClassVar[str] = "classes"
    learner: ClassVar[str] = "a classifier"
    link: ClassVar[Link] = "softmax"
    headline: ClassVar[str] = "accuracy"
    loss_name: ClassVar[str] = "log_loss"
    constant_name: ClassVar[str] = "majority"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("accuracy", "accuracy"),
        ("balanced_accuracy", "balanced accuracy"),
        ("macro_f1", "macro F1"),
        ("log_loss", "log-loss"),
        ("calibration_error", "calibration error"),
    )
    wording: ClassVar[Wording] = Wording(
        scale=100.0,
        unit=" points",
        better="{ours} is {by} more accurate than {theirs}",
        worse="{ours} is {by} less accurate than {theirs}",
        differs="the accuracy of {ours} differs by {by} from that of {theirs}",
    )

    @classmethod
    def read(cls, values: Sequence[Any], where: str) -> tuple[Labels, Classes]:
        labels, names = encode_labels(values, where)
        return labels, cls(names)

    def said(self) -> str:
        return f"{len(self.names)} classes"

    def cell(self, label: Any) -> str:
        return self.names[int(label)]

    def answer(self, outputs: Array) -> str:
        return self.names[int(outputs.argmax())]

    def joined(self, others: Sequence[Problem]) -> Classes:
        names = chain(self.names, *(other.names for other in others))
        return Classes(sort_names({label_name(name) for name in names}))

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        place = {label_name(name): i for i, name in enumerate(self.names)}
        theirs = [label_name(name) for name in other.names]
        if unknown := [theirs[i] for i in np.unique(labels) if theirs[i] not in place]:
            raise DataError(
                f"{where} has the class {unknown[0]!r}, which this model was not trained on. "
                f"{did_you_mean(unknown[0], self.names)}"
            )
        table = np.array([place.get(name, -1) for name in theirs], dtype=np.int64)
        matched: Labels = table[labels]
        return matched

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        return labels

    def counts(self, labels: Labels) -> dict[str, int]:
        return dict(zip(self.names, np.bincount(labels, minlength=len(self.names)).tolist(), strict=True))

    def check_learnable(self, labels: Labels, where: str) -> None:
        present = np.unique(labels)
        if len(present) < 2:
            raise DataError(
                f"a classifier needs examples of 2 classes; {where} holds "
                f"{', '.join(repr(self.names[k]) for k in present) or 'no example'} alone."
            )

    def predict(self, outputs: Array) -> Labels:
        best: Labels = outputs.argmax(axis=1)
        return best

    def calibrate(self, scores: Array, labels: Labels, weights: NDArray[Any] | None = None) -> float:
        return fit_temperature(scores, labels, weights)

    def constant(self, labels: Labels) -> Array:
        return np.bincount(labels, minlength=len(self.names)) / len(labels)

    def losses(self, scores: Array, labels: Labels) -> Array:
        each: Array = -log_softmax(scores)[np.arange(len(labels)), labels]
        return each

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(scores, labels, reduction="none")

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        return float(np.average(outputs.argmax(axis=1) == labels, weights=weights))

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> ClassEvaluation:
        return evaluate(labels, outputs, self.names, seed=seed, groups=groups, before=before)

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        right = (ours.argmax(axis=1) == labels, theirs.argmax(axis=1) == labels)
        return paired_interval(*right, seed=seed, groups=groups)


def encode_labels(values: Sequence[Any], where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Positions in the sorted class names (see ``label_name``), and those names; numbers sort by value.

    Raises ``DataError`` for missing labels (None, NaN, empty), naming the rows.

    >>> encode_labels([10, 9, 10], "y")
    (array([1, 0, 1]), ('9', '10'))
    """
    if missing := missing_rows(values):
        raise DataError(missing_cells("label", missing, len(values), where))
    if several := [value for value in values if is_several(value)]:
        raise DataError(
            f"{where} holds several labels in one cell ({several[0]!r}), and a class is one: say "
            f"{option('problem', 'multi-label')}."
        )
    named = label_names(values, where)
    classes = sort_names(set(named))
    place = {name: i for i, name in enumerate(classes)}
    return np.fromiter((place[name] for name in named), np.int64, len(named)), classes
