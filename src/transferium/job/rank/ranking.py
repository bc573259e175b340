"""The order of scored candidates, which one is recommended, why, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.bootstrap import Interval
from transferium.job.rank.scored import NAIVE, Scored

DECIDES = ("probe", "accuracy", "logme", "a_distance")
"""What the order is made by: the first of these that every candidate has; the next of them decides ties."""
SAID = {
    "probe": "a probe of its frozen features, each example by a model that had not seen it, reaches {} {}",
    "accuracy": "what learned from the source reaches {} {} on the target's labelled examples",
    "logme": "its LogME is the highest ({}); too few examples for a probe",
    "a_distance": "its inputs lie nearest to the target's (A-distance {})",
}


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidates in order, and the score that ordered them; ``target`` are the examples that they were scored on."""

    candidates: list[Scored]
    by: str
    target: Domain
    seed: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: the candidates, the best first, the recommended one, and the reason and the doubt in words."""
        return {
            "candidates": [candidate.as_dict() for candidate in self.candidates],
            "recommended": self.candidates[0].name,
            "reason": self.reason(),
            "doubt": self.doubt(),
        }

    def reason(self) -> str:
        """Why the first is first."""
        first = self.candidates[0]
        value, headline = first.scores[self.by], self.target.posed.headline if self.target.labels is not None else ""
        said = f"{first.name}: {SAID[self.by].format(f'{value:.3f}', headline.replace('_', ' '))}"
        if len(self.candidates) == 1:
            return f"{said}. It is the only candidate."
        second = self.candidates[1]
        return f"{said.strip()}; next comes {second.name} with {second.scores[self.by]:.3f}."

    def doubt(self) -> str:
        """What the order does not show: how near the next is, whether other scores agree, what was left out."""
        said = [*self._near(), *self._agreement(), *self._chosen_by_labels(), *self.notes]
        said += dict.fromkeys(f"{note}." for candidate in self.candidates for note in candidate.notes)
        return " ".join(said)

    def _near(self) -> list[str]:
        gaps = [(other.name, self._gap(other)) for other in self.candidates[1:]]
        near = [name for name, gap in gaps if gap is not None and gap.low <= 0]
        if self.by == "a_distance" and len(self.candidates) > 1:
            return ["There are no target labels: near inputs do not prove that labels mean the same."]
        if not near:
            return []
        gap = next(gap for _, gap in gaps if gap is not None and gap.low <= 0)
        return [
            f"Not surely better than {', '.join(near)}: {near[0]} differs by {gap.value:.3f} "
            f"({gap.low:.3f} to {gap.high:.3f}) on the same {len(self.target)} examples."
        ]

    def _gap(self, other: Scored) -> Interval | None:
        """How much better the first is on examples that both answered, by the problem's own figure."""
        first = self.candidates[0]
        if first.outputs is None or other.outputs is None:
            return None
        rows = ~(np.isnan(first.outputs).any(axis=1) | np.isnan(other.outputs).any(axis=1))
        if not rows.any():
            return None
        groups = None if self.target.groups is None else self.target.groups[rows]
        sides = first.outputs[rows], other.outputs[rows]
        return self.target.posed.compare(self.target.y[rows], *sides, seed=self.seed, groups=groups)

    def _agreement(self) -> list[str]:
        found = agreement(self.candidates, self.by)
        if not found:
            return []
        listed = ", ".join(f"{name} {tau:+.2f}" for name, tau in found.items())
        return [f"Agreement of the other scores with this order (Kendall's tau, 1 is the same order): {listed}."]

    def _chosen_by_labels(self) -> list[str]:
        if self.by != "accuracy":
            return []
        return ["These labels chose the source: measure the adapted model on others."]


def ranked(scored: Sequence[Scored], target: Domain, *, seed: int, notes: Sequence[str] = ()) -> Ranking:
    """The candidates in order, by the first score of ``DECIDES`` that all of them have; ties by the next."""
    known = [score for score in DECIDES if all(score in candidate.scores for candidate in scored)]
    errors = target.labels is not None and target.posed.lower_is_better

    def worse(candidate: Scored) -> tuple[float, ...]:
        return tuple(-candidate.better_by(score) * (-1 if score == "probe" and errors else 1) for score in known)

    return Ranking(sorted(scored, key=worse), known[0], target, seed, tuple(notes))


def agreement(candidates: Sequence[Scored], by: str) -> dict[str, float]:
    """Kendall's tau-b of each other score with the order of ``candidates``; nothing for fewer than three.

    >>> three = [Scored(str(i), {"probe": -i, "gbc": -2.0 * i, "size_mb": i}, 0.0) for i in range(3)]
    >>> agreement(three, "probe")
    {'gbc': 1.0, 'size_mb': -1.0}
    """
    from scipy.stats import kendalltau

    if len(candidates) < 3:
        return {}
    place = -np.arange(len(candidates))
    names = [n for n in candidates[0].scores if n != by and all(n in c.scores for c in candidates)]
    found = {}
    for name in [*(n for n in names if n not in NAIVE), *(n for n in names if n in NAIVE)]:
        values: NDArray[np.float64] = np.array([c.better_by(name) for c in candidates])
        if np.ptp(values) > 0:
            found[name] = round(float(kendalltau(place, values).statistic), 3)
    return found
