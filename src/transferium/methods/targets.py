"""The target's inputs, as an adaptation method asks for them."""

from __future__ import annotations

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.methods.base import Task


def target_inputs(method: str, task: Task) -> Domain:
    """``task.unlabeled`` as features of the task's frozen backbone; raises ``InputError`` where there is no target."""
    if task.unlabeled is None:
        raise InputError(
            f"method {method!r} adapts a source to a target, and there is no target. Name the labelled data with "
            "--source and give the target's inputs as DATA."
        )
    return task.embed(task.unlabeled)
