"""The time budget of an election, and the time that each of its models took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.method import Method
from transferium.methods.model_selection.saved_decision import read_state, write_state

SPENT = "spent.json"


class TimeBudget:
    """The time ``task.budget_s`` for source only and the candidates.

    A candidate is tried where the slowest so far of its kind (a closed form, a network on frozen features, one whose
    backbone moves), or source only where none has been, would fit into what is left. What was decided and what each
    model took is kept in ``task.workdir``, so that an election which is resumed tries the same candidates.
    """

    def __init__(self, task: AdaptationTask, source_only: Method, candidates: Mapping[str, Method]) -> None:
        self.limit = task.budget_s
        self.path = None if task.workdir is None or self.limit is None else task.workdir / SPENT
        self.kinds = {name: _kind(method) for name, method in {"source-only": source_only, **candidates}.items()}
        self.about = {"budget": self.limit, "candidates": list(candidates)}
        kept = self._kept()
        self.took: dict[str, float] = kept.get("took", {})
        self.decided: dict[str, str] = kept.get("decided", {})

    def pay(self, name: str, seconds: float) -> None:
        """Note the time a model took; a time noted before an interruption stays."""
        self.took.setdefault(name, seconds)
        self._keep()

    def refuses(self, name: str) -> str:
        """Why the candidate is not tried; empty where it is."""
        if name not in self.decided:
            self.decided[name] = self._refuses(name)
            self._keep()
        return self.decided[name]

    def _refuses(self, name: str) -> str:
        if self.limit is None:
            return ""
        left = self.limit - sum(self.took.values())
        if left <= 0:
            return f"the budget of {self.limit:.0f} s was used up"
        alike = [other for other in self.took if self.kinds[other] == self.kinds[name]]
        slowest = max(alike or ["source-only"], key=lambda other: self.took[other])
        if self.took[slowest] <= left:
            return ""
        return (
            f"{left:.0f} s of the budget of {self.limit:.0f} s were left, and {slowest} took {self.took[slowest]:.0f} s"
        )

    def _kept(self) -> dict[str, Any]:
        kept = {} if self.path is None else read_state(self.path)
        return kept if kept.get("about") == self.about else {}

    def _keep(self) -> None:
        if self.path is not None:
            write_state(self.path, {"about": self.about, "took": self.took, "decided": self.decided})


def _kind(method: Method) -> tuple[bool, bool]:
    return isinstance(method, AdaptedNetwork), method.moves_backbone
