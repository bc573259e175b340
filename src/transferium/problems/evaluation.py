"""An evaluation: figures with their intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transferium.functional.bootstrap import Interval


@dataclass(frozen=True)
class Evaluation:
    """Metrics with their 95 % intervals, by name; a metric that cannot exist here is None, and ``reasons`` says why.

    ``headline`` names the metric that the result is summed up by. ``per_output`` has a row for each class or label.
    """

    metrics: dict[str, Interval | None]
    examples: int
    headline: str = "accuracy"
    reasons: dict[str, str] = field(default_factory=dict)
    per_output: list[dict[str, Any]] = field(default_factory=list)

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
        return self.metrics_as_dict() | rows | {"examples": self.examples}


def opened(interval: Interval, limit: float | None) -> Interval:
    """An interval that collapsed at 0 or 1, opened to the exact limit."""
    value, low, high = interval.value, interval.low, interval.high
    if limit is not None and value == low == high == 1:
        low = limit
    if limit is not None and value == low == high == 0:
        high = 1 - limit
    return Interval(value, low, high)
