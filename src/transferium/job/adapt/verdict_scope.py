"""Where an adaptation gets no verdict: the model took over nothing from the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.model_selection.election_with_few import FEW_ALONE
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead


def method_facts(method: Method, fitted: Fitted, task: AdaptationTask) -> dict[str, Any]:
    """Facts on how the model was made, saved with it for ``reason_without_verdict`` when labels come later."""
    return {"name": fitted.method, "adapts": method.adapts(task)}


def reason_without_verdict(
    facts: Mapping[str, Any], ours: tuple[Backbone, AnyHead], source_only: tuple[Backbone, AnyHead]
) -> str:
    """The reason why there is no verdict on adapting, even with labels; empty where there can be one.

    ``facts`` are those of the adapted model; a model saved without them is compared by its weights.
    """
    if ours[0].fingerprint == source_only[0].fingerprint and ours[1].equals(source_only[1]):
        return "the model is source only: nothing was adapted"
    if facts.get("name") == FEW_ALONE:
        return "the model learned from labelled target examples alone"
    if not facts.get("adapts", True):
        return f"{facts['name']}, as it was set, does not look at the target: nothing was adapted"
    return ""
