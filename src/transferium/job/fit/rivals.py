"""The models that a method brings to be compared with: their figures, what each costs, and how much better ours is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation.cost import cost_of
from transferium.evaluation.references import answers_on
from transferium.evaluation.verdict import Verdict, verdict
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.problems.evaluation import Evaluation, Overlap

OURS = "model"
"""What the fitted model is called among the costs."""


@dataclass(frozen=True)
class Compared:
    """Rivals by name: their evaluations, what they and ``model`` cost, sentences, and the verdict where one decides.

    ``kept`` is the share of a rival's headline figure that the model has.
    """

    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    verdict: Verdict | None = None
    decided_by: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What a run says of its rivals beside their figures; nothing where there is none."""
        if not self.evaluations:
            return {}
        return {"rivals": {"costs": self.costs, "kept": self.kept, "decided_by": self.decided_by}}


def compare_with_rivals(
    fitted: Fitted, task: Task, test: Domain, outputs: NDArray[np.float64], ours: Evaluation
) -> Compared:
    """Fit the rivals, ask them about the held-out part, and compare; nothing where the method brings none."""
    if not fitted.rivals:
        return Compared()
    problem, seed = test.posed, task.seed
    evaluations, kept, remarks = {}, {}, []
    decided: Verdict | None = None
    by = ""
    costs = {OURS: cost_of(fitted, test, task.embedder).as_dict()}
    for name, rival in fitted.rivals.items():
        other, spoken = rival.fit(), name.replace("_", " ")
        theirs, before = answers_on(task, other, test)
        evaluations[name] = problem.evaluate(test.y, theirs, seed=seed, before=before, groups=test.groups)
        kept[name] = ours[problem.headline].value / (evaluations[name][problem.headline].value or 1.0)
        costs[name] = cost_of(other, test, task.embedder).as_dict()
        if rival.learned is not None and (known := int(rival.learned.marks(test).sum())):
            whose = f"{Overlap(len(test), known).said} by the {spoken}"
            remarks.append(f"{whose}: its figure is too good, and so may be that of this model, which learned from it.")
        if rival.decides:
            difference = problem.compare(test.y, outputs, theirs, seed=seed, groups=test.groups)
            called = f"{fitted.method} on {task.backbone.name}"
            said = verdict(difference, called, rival.decides, problem.wording, rival.asks)
            decided = said if decided is None else replace(decided, sentence=f"{decided.sentence} {said.sentence}")
            by = by or name
    return Compared(evaluations, costs, kept, tuple(remarks), decided, by)
