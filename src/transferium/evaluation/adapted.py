"""The evaluation of an adapted model on labels that it never used: beside source only, overall and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.evaluation.verdict import Verdict, verdict
from transferium.functional.bootstrap import Interval, mean_interval, paired_interval
from transferium.problems.class_evaluation import ClassEvaluation, evaluate
from transferium.problems.classes import Classes
from transferium.problems.evaluation import Evaluation
from transferium.system.shown import MOST, Face

Array = NDArray[Any]
SMALLEST = 1e-12
"""In place of a probability of nought, for its logarithm."""
FEWEST = 5
"""The fewest examples of a class for a word on it ("helped" or "hurt")."""


@dataclass(frozen=True)
class Answers:
    """Labels of the target as positions in ``classes``: the model's own, then those that only the target has."""

    y: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray[np.int64] | None = None

    def take(self, kept: NDArray[np.bool_]) -> Answers:
        """The labels of the examples that are ``kept``."""
        return replace(self, y=self.y[kept], groups=None if self.groups is None else self.groups[kept])

    def pad(self, probabilities: Array) -> NDArray[np.float64]:
        """``probabilities`` with a column of zeros for every class that the model cannot predict."""
        missing = len(self.classes) - probabilities.shape[1]
        return np.hstack([probabilities, np.zeros((len(probabilities), missing))]) if missing else probabilities


def answers_for(
    labels: NDArray[np.int64], names: Sequence[str], classes: Sequence[str], groups: NDArray[np.int64] | None = None
) -> Answers:
    """Labels that count in ``names``, renamed to count in ``classes`` and in what only the target has.

    >>> answers_for(np.array([0, 1]), ["b", "z"], ["a", "b"])
    Answers(y=array([1, 2]), classes=('a', 'b', 'z'), groups=None)
    """
    present = [names[i] for i in np.unique(labels)]
    known = (*classes, *(name for name in present if name not in classes))
    place = {name: i for i, name in enumerate(known)}
    table = np.array([place.get(name, 0) for name in names], np.int64)
    return Answers(table[labels], known, groups)


@dataclass(frozen=True)
class AdaptationResult:
    """The adapted model and source only on the same labelled target examples."""

    evaluation: Evaluation
    source_only: Evaluation
    verdict: Verdict
    by_class: list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class AdaptedEvaluation(ClassEvaluation):
    """An evaluation of an adapted model, and beside it source only, the verdict, and the change of each class.

    ``beside`` are further references by name, as plain data; ``source_harm`` is a sentence where the source does harm.
    """

    source_only: Evaluation = field(kw_only=True)
    verdict: Verdict = field(kw_only=True)
    by_class: list[dict[str, Any]] = field(kw_only=True)
    beside: Mapping[str, Any] = field(kw_only=True)
    source_harm: str = field(kw_only=True)

    def face(self) -> Face:
        """The figures, source only beside them, and the verdict."""
        shown = super().face()
        beside = ("source only: accuracy", str(self.source_only["accuracy"]))
        sentences = [*shown.sentences, self.verdict.sentence, self.source_harm]
        return Face(shown.title, [*shown.rows[: MOST - 1], beside], list(filter(None, sentences)))

    @classmethod
    def of(cls, result: AdaptationResult, beside: Mapping[str, Any], source_harm: str) -> AdaptedEvaluation:
        """The same figures as one object."""
        ours = {each.name: getattr(result.evaluation, each.name) for each in fields(result.evaluation)}
        return cls(
            **ours,
            source_only=result.source_only,
            verdict=result.verdict,
            by_class=result.by_class,
            beside=beside,
            source_harm=source_harm,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``, named as in ``transferium evaluate --json``."""
        return super().as_dict() | {
            "references": {"source_only": self.source_only.as_dict(), **self.beside},
            "difference": self.verdict.difference_as_dict(),
            "verdict": self.verdict.word,
            "verdict_sentence": self.verdict.sentence,
            "source_harm": self.source_harm,
            "by_class": self.by_class,
        }


def adaptation_result(
    answers: Answers,
    adapted: Array,
    source_only: Array,
    *,
    method: str,
    seed: int,
    before: Array | None = None,
    unasked: str = "",
) -> AdaptationResult:
    """Both evaluated, their paired difference, and what happened to each class, from probabilities ``(n, classes)``.

    ``before`` are those of the adapted model before calibration. ``unasked`` says why there is no verdict, overall or
    on a class; empty: there is one.
    """
    given = None if before is None else answers.pad(before)
    ours, theirs = answers.pad(adapted), answers.pad(source_only)
    y, groups = answers.y, answers.groups
    right = [p.argmax(axis=1) == y for p in (ours, theirs)]
    by_class = [_one_class(answers, k, right, seed) for k in range(len(answers.classes))]
    if unasked:
        said = Verdict.not_asked(unasked)
        by_class = [row | {"word": said.word} for row in by_class]
    else:
        change = paired_interval(right[0], right[1], seed=seed, groups=groups)
        said = verdict(change, method, "source only", Classes.wording)
        said = replace(said, sentence=said.sentence + _less_to_be_trusted(y, ours, theirs, seed, groups))
    return AdaptationResult(
        evaluate(y, ours, answers.classes, seed=seed, before=given, groups=groups),
        evaluate(y, theirs, answers.classes, seed=seed, groups=groups),
        said,
        by_class,
    )


def _less_to_be_trusted(
    y: NDArray[np.int64], ours: Array, theirs: Array, seed: int, groups: NDArray[np.int64] | None
) -> str:
    """A further sentence where the adapted model's log-loss is surely worse than source only's; else empty."""
    losses = [-np.log(np.maximum(p[np.arange(len(y)), y], SMALLEST)) for p in (ours, theirs)]
    more = losses[0] - losses[1]
    if mean_interval(more, seed=seed, groups=groups).low <= 0:
        return ""
    figures = f"log-loss {losses[0].mean():.3g}, source only's {losses[1].mean():.3g}"
    return f" Its confidence is less to be trusted than source only's: {figures}."


def _one_class(answers: Answers, k: int, right: list[NDArray[np.bool_]], seed: int) -> dict[str, Any]:
    """Recall before and after for class ``k``, with the paired interval of the change and its word."""
    at = answers.y == k
    row: dict[str, Any] = {"class": answers.classes[k], "support": int(at.sum())}
    if at.sum() < FEWEST:
        return row | {"word": "too few examples"}
    groups = None if answers.groups is None else answers.groups[at]
    change = paired_interval(right[0][at], right[1][at], seed=seed, groups=groups)
    before, after = float(right[1][at].mean()), float(right[0][at].mean())
    return row | {"before": before, "after": after, "change": change.as_dict(), "word": word_of(change)}


def oracle(accuracy: Mapping[str, float], chosen: str) -> dict[str, Any]:
    """Which candidate the labels would have chosen, and how far the chosen one is below it.

    Every number here was made with target labels, and says so by ``oracle``.

    >>> oracle({"source-only": 0.8, "mcc": 0.9}, "source-only")["best"]
    'mcc'
    """
    best = max(accuracy, key=lambda name: accuracy[name])
    gap = accuracy[best] - accuracy[chosen]
    return {"oracle": True, "accuracy": dict(accuracy), "best": best, "chosen": chosen, "gap": gap}


def word_of(change: Interval) -> str:
    """``"helped"`` or ``"hurt"`` where the interval leaves nought out, else ``"no evidence"``."""
    return "helped" if change.low > 0 else "hurt" if change.high < 0 else "no evidence"
