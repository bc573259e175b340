"""A record of how something was chosen: candidates, rule, data and result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transferium.system.shown import Face, Shown


@dataclass(frozen=True, repr=False)
class Selection(Shown):
    """One choice: among which candidates, by which rule, on which data.

    ``candidates`` are flat mappings of settings and scores (a score may be one number per fold); ``notes`` are what a
    reader must know beside the rule, such as a grid that had to be extended.

    >>> print(Selection("largest accuracy", "5 folds of the training part", [{"C": 1.0}, {"C": 10.0}], {"C": 10.0}))
    C = 10 of 2 candidates, by largest accuracy on 5 folds of the training part
    """

    rule: str
    data: str
    candidates: Sequence[Mapping[str, Any]]
    chosen: Mapping[str, Any]
    notes: Sequence[str] = field(default=())

    def face(self) -> Face:
        """What was chosen, and how."""
        return Face("Selection", (), [f"{self}."])

    def __str__(self) -> str:
        chosen = ", ".join(f"{name} = {_short(value)}" for name, value in self.chosen.items()) or "nothing"
        count = f"{len(self.candidates)} candidate{'' if len(self.candidates) == 1 else 's'}"
        sentence = f"{chosen} of {count}, by {self.rule} on {self.data}"
        return "; ".join([sentence, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for ``json.dumps``."""
        return {
            "rule": self.rule,
            "data": self.data,
            "candidates": [dict(c) for c in self.candidates],
            "chosen": dict(self.chosen),
            "notes": list(self.notes),
        }


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
