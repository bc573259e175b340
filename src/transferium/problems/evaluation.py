"""An evaluation: figures with their intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transferium.functional.bootstrap import Interval
from transferium.system.shown import Face, Shown


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


def opened(interval: Interval, limit: float | None) -> Interval:
    """An interval that collapsed at 0 or 1, opened to the exact limit."""
    value, low, high = interval.value, interval.low, interval.high
    if limit is not None and value == low == high == 1:
        low = limit
    if limit is not None and value == low == high == 0:
        high = 1 - limit
    return Interval(value, low, high)
