"""The method that stands for ``joint`` in each task's own job: the first trains all tasks, the others take theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.job.tasks.saved_tasks import folder_of
from transferium.methods.fitted import Fitted, Rival
from transferium.methods.several_tasks.joint import Goal, Joint, SeveralTasks
from transferium.methods.task import Task
from transferium.methods.unused_settings import suppress_unused_warnings
from transferium.models.heads.linear import answering


@dataclass(eq=False)
class Together:
    """All tasks, the state folder, and the models once they are trained."""

    method: Joint
    tasks: Mapping[str, Domain]
    state: Path
    found: dict[str, Fitted] = field(default_factory=dict)

    def methods(self) -> dict[str, Joint]:
        """The method of each task's job."""
        with suppress_unused_warnings():  # said when the method was built
            return {name: _OfTask(**self.method.get_params()).bound(self, name) for name in self.tasks}

    def fitted(self, name: str, task: Task) -> Fitted:
        """The model of one task beside the same network that is trained on it alone."""
        if not self.found:
            goals = {other: self._goal(domain, task) for other, domain in self.tasks.items()}
            known = {f.name: getattr(task, f.name) for f in fields(task)} | {"workdir": self.state / "joint"}
            self.found = self.method.fit_tasks(SeveralTasks(**known, goals=goals))
        alone = replace(task, workdir=self.state / f"alone {folder_of(name)}")
        rival = Rival(lambda: self.method.plain().fit(alone), "the same network trained on this task alone")
        ours = self.found[name]
        # A class that only unusable examples have is none of the job's.
        head = answering(ours.head, self.tasks[name].posed.names, task.problem.names)
        return replace(ours, head=head, rivals={"alone": rival})

    def _goal(self, domain: Domain, task: Task) -> Goal:
        """The labels of ``domain`` for the examples of ``task``, found by their names."""
        place = {example: i for i, example in enumerate(domain.ids)}
        if len(place) != len(domain):
            raise DataError(f"{domain.name!r} has several examples of one name: give each a name of its own.")

        def labels(part: Domain) -> NDArray[Any]:
            found: NDArray[Any] = domain.y[[place[example] for example in part.ids]]
            return found

        return Goal(domain.posed, labels(task.train), None if task.val is None else labels(task.val))


class _OfTask(Joint):
    """``joint`` as one task's job sees it."""

    together: Together
    task_name: str

    def bound(self, together: Together, task_name: str) -> Joint:
        """The same for one of the tasks."""
        self.together, self.task_name = together, task_name
        return self

    def fit(self, task: Task) -> Fitted:
        """This task's model of all that were trained together."""
        return self.together.fitted(self.task_name, task)
