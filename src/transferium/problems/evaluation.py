"""An evaluation: figures with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.functional.bootstrap import AMOUNT, SHARE, Interval, bounded, least_mean, least_share, units_of
from transferium.system.shown import Face, Shown, axes


@dataclass(frozen=True)
class Overlap:
    """How many of the examples ``given`` to an evaluation the model had learned from.

    These are left out of the figures, unless they are all there is: then the figures are of training. ``known`` is
    False for a model that does not say all that it learned from.
    """

    given: int
    learned: int
    known: bool = True

    @property
    def training(self) -> bool:
        """Whether nothing was given but what was learned from."""
        return self.learned == self.given

    @property
    def sentence(self) -> str:
        """The sentence that a reader of the figures needs; empty where nothing was learned from.

        >>> Overlap(420, 210).sentence
        '210 of these 420 were learned from, and are not evaluated on: the figures are those of the other 210.'
        """
        unknown = "" if self.known else UNKNOWN
        if not self.learned:
            return unknown.format(of="any")
        if self.training:
            return f"{self.said}: the figures are of training (training accuracy), and say nothing about new examples."
        left, are = self.given - self.learned, "is" if self.learned == 1 else "are"
        said = f"{self.said}, and {are} not evaluated on: the figures are those of the other {left}."
        return f"{said} {unknown.format(of='more')}".strip()

    @property
    def said(self) -> str:
        """The two numbers in words."""
        return f"{self.learned} of these {self.given} {'was' if self.learned == 1 else 'were'} learned from"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        return {
            "given": self.given,
            "learned_from": self.learned,
            "learned_from_known": self.known,
            "learned_from_sentence": self.sentence,
        }


UNKNOWN = (
    "Whether {of} of these were learned from cannot be checked: the model keeps no hashes of its training examples "
    "(it was saved by an earlier version, or with --forget-data)."
)


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """Metrics with their 95 % intervals, by name; a metric that cannot exist here is None, and ``reasons`` says why.

    ``headline`` names the metric that the result is summed up by. ``per_output`` has a row for each class or label.
    ``sides`` are what else was looked at, by name.
    ``overlap`` says how many of the examples given were learned from, where a finished model was evaluated.
    """

    metrics: dict[str, Interval | None]
    examples: int
    headline: str = "accuracy"
    reasons: dict[str, str] = field(default_factory=dict)
    per_output: list[dict[str, Any]] = field(default_factory=list)
    overlap: Overlap | None = None
    sides: dict[str, Any] = field(default_factory=dict)

    def face(self) -> Face:
        """The figures that are not of the model before calibration, and whether they are of training."""
        training = "training " if self.overlap and self.overlap.training else ""
        rows = [
            (training + name.replace("_", " "), "–" if found is None else str(found))
            for name, found in self.metrics.items()
            if not name.endswith("_before")
        ]
        title = f"Evaluation of {self.examples} examples (95 % intervals)"
        return Face(title, rows, [self.overlap.sentence] if self.overlap else [])

    def plot(self, ax: Any = None) -> Any:
        """Figures with their intervals, of each class or label where there are any; drawn by matplotlib into ``ax``.

        The last figure of a row is drawn (F1, average recall). Returns ``ax``.
        """
        ax, figure, rows = axes(ax), "", dict(self.metrics)
        if self.per_output:
            figure = [key for key, value in self.per_output[0].items() if isinstance(value, Interval)][-1]
            rows = {str(next(iter(row.values()))): row[figure] for row in self.per_output}
        known = {name: one for name, one in rows.items() if one is not None and not name.endswith("_before")}
        for place, (name, one) in enumerate(reversed(known.items())):
            if one.known:
                ax.plot([one.low, one.high], [place, place], color="C0")
            ax.plot([one.value], [place], "o", color="C0", label=name)
        ax.set(yticks=range(len(known)), yticklabels=[*known][::-1], xlabel=figure or "figures with 95 % intervals")
        return ax

    def __getitem__(self, name: str) -> Interval:
        found = self.metrics.get(name)
        if found is None:
            raise KeyError(f"{name}: {self.reasons.get(name, 'not among ' + ', '.join(self.metrics))}")
        return found

    def metrics_as_dict(self) -> dict[str, Any]:
        """Each metric as ``{"value", "low", "high"}``, nulls and a reason where there is none."""
        plain: dict[str, Any] = {}
        for name, interval in self.metrics.items():
            nothing = {"value": None, "low": None, "high": None, "reason": self.reasons.get(name, "")}
            plain[name] = nothing if interval is None else interval.as_dict()
        return plain

    def rows_as_dict(self) -> list[dict[str, Any]]:
        """``per_output`` as plain data."""
        return [
            {key: value.as_dict() if isinstance(value, Interval) else value for key, value in row.items()}
            for row in self.per_output
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        rows = {"per_label": self.rows_as_dict()} if self.per_output else {}
        return self.metrics_as_dict() | rows | self.examples_as_dict()

    def examples_as_dict(self) -> dict[str, Any]:
        """How many examples the figures are of, how many more were given, and the other sides."""
        return {"examples": self.examples} | (self.overlap.as_dict() if self.overlap else {}) | self.sides


NO_SHARES = {
    **dict.fromkeys(("log_loss", "log_loss_before", "mae", "rmse", "cer", "wer"), AMOUNT),
    "brier": (0.0, 2.0),
    "r2": (-math.inf, 1.0),
}
"""What the figures that are no shares can be, by name."""


def interval_of(name: str, value: float, samples: NDArray[Any], units: int, limit: float | None = None) -> Interval:
    """The interval of the figure ``name`` from its bootstrap ``samples`` of ``units`` independent examples.

    A share that is exactly 0 or 1 may be as far off as the exact ``limit`` of a perfect share leaves open
    (:func:`~transferium.functional.bootstrap.least_share` of ``units``, unless given), whatever the samples say.

    >>> interval_of("span_f1", 1.0, np.ones(9), 50)  # doctest: +ELLIPSIS
    Interval(value=1.0, low=0.928..., high=1.0)
    """
    within = NO_SHARES.get(name, SHARE)
    found = bounded(value, samples, units, within)
    if within != SHARE or value not in SHARE:
        return found
    room = 1 - (least_share(units) if limit is None else limit)
    low, high = (found.low, found.high) if found.known else (1.0, 0.0)
    return Interval(value, min(low, 1 - room), 1.0) if value else Interval(value, 0.0, max(high, room))


@dataclass(frozen=True)
class Rests:
    """On how many independent examples each figure of parts (labels, spans, boxes) rests.

    ``there`` and ``answered`` say which examples truly have parts of each name, and were answered to ``(n, names)``.

    >>> rests = Rests(np.array([[True], [True], [False]]), np.array([[True], [False], [False]]))
    >>> rests.units("span_precision"), rests.units("span_recall"), rests.units("log_loss")
    (1, 2, 3)
    """

    there: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    groups: NDArray[Any] | None = None

    def units(self, figure: str, name: int | None = None) -> int:
        """Precision rests on what was answered, recall on what is there, F1 on both; of one name where one is given."""
        known = {"precision": self.answered, "f1": self.there | self.answered}
        known |= dict.fromkeys(("recall", "ap", "ap50", "ap75", "ar"), self.there)
        marks = known.get(figure.rpartition("_")[2])
        if marks is None:
            return units_of(len(self.there), self.groups)
        return units_of(len(marks), self.groups, np.asarray(marks.any(axis=1) if name is None else marks[:, name]))

    def interval(self, figure: str, value: float, samples: NDArray[Any], name: int | None = None) -> Interval:
        """:func:`interval_of` the figure; a mean over names may be as far off as its rarest name leaves open."""
        units, limit = self.units(figure, name), None
        if name is None and (figure.startswith("macro_") or figure in ("ap", "ap50", "ap75", "ar")):
            each = (self.units(figure, k) for k in range(self.there.shape[1]))
            limit = least_mean([some for some in each if some])
        return interval_of(figure, float(value), samples, units, limit)
