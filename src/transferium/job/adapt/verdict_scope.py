"""Where the verdict on an adaptation has nothing to say: the model took nothing of the target over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.model_selection.election_with_few import FEW_ALONE
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead


def method_facts(method: Method, fitted: Fitted, task: Task) -> dict[str, Any]:
    """What a saved model says of how it was made: enough for ``reason_without_verdict`` when labels come later."""
    return {"name": fitted.method, "adapts": method.adapts(task)}


def reason_without_verdict(
    facts: Mapping[str, Any], ours: tuple[Backbone, AnyHead], source_only: tuple[Backbone, AnyHead]
) -> str:
    """Why nobody can say whether adapting helped, though there are labels; empty where it can be said.

    ``facts`` are those of the adapted model; a model that was saved before they were kept is judged by its weights.
    """
    if ours[0].fingerprint == source_only[0].fingerprint and ours[1].equals(source_only[1]):
        return "the model is source only: nothing was adapted"
    if facts.get("name") == FEW_ALONE:
        return "the model learned from labelled target examples alone"
    if not facts.get("adapts", True):
        return f"{facts['name']}, as it was set, does not look at the target: nothing was adapted"
    return ""
