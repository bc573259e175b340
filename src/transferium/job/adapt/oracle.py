"""The oracle, for research: the candidate that the target's labels would have chosen, and its gain."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from transferium.data.pairing import Pair
from transferium.errors import InputError, TransferiumError
from transferium.evaluation.adapted import Answers, oracle
from transferium.evaluation.references import answers_on
from transferium.job.adapt.candidates import barred, chosen_name
from transferium.job.adapt.fit import Adapted
from transferium.methods.fitted import Fitted
from transferium.methods.model_selection.election import kept_in

NOTHING = "--oracle chooses by target labels, and the target has none that match the source's classes. Leave it out."


def check_answers(pair: Pair) -> None:
    """Raise ``InputError`` where there are no labels to look at, before anything is fitted."""
    if pair.answers is None or not set(pair.answers.classes) & set(pair.source.classes):
        raise InputError(NOTHING)


def look_at_answers(adapted: Adapted, answers: Answers | None) -> dict[str, Any]:
    """Accuracy of every candidate of the election on the target's labels, the best one, and the gap to the chosen one.

    Candidates that were barred are trained for this and kept nowhere, unless there is a budget; one that cannot be is
    left out. Raises ``InputError`` where none of the labels is of an example that could be used.
    """
    if answers is None:
        raise InputError(NOTHING)
    chosen = chosen_name(adapted)
    models = {"source-only": adapted.source_only, **adapted.candidates, chosen: adapted.fitted}
    models |= _barred_models(adapted)
    accuracy = {}
    for name, fitted in models.items():
        outputs, _ = answers_on(adapted.task, fitted, adapted.held)
        accuracy[name] = float((outputs.argmax(axis=1) == answers.y).mean())
    return oracle(accuracy, chosen) | {"barred": [name for name in barred(adapted) if name in accuracy]}


def _barred_models(adapted: Adapted) -> dict[str, Fitted]:
    task, found = adapted.task, {}
    for name, method in barred(adapted).items() if task.budget_s is None else ():
        base = task if method.moves_backbone else replace(task, backbone=adapted.source_only.backbone)
        with suppress(TransferiumError):
            found[name] = method.adapt(kept_in(base, name))
    return found
