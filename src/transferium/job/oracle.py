"""For research: which candidate the target's labels would have chosen, and how much that is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transferium.errors import InputError
from transferium.evaluation.adapted import Answers
from transferium.job.adapt import Adapted
from transferium.methods.catalogue import method_class


def look_at_answers(adapted: Adapted, answers: Answers | None) -> dict[str, Any]:
    """Accuracy of every candidate of the election on the target's labels, the best one, and the gap to the chosen one.

    Raises ``InputError`` where there are no labels to look at. Every number here was made with target labels, and says
    so by ``oracle``.
    """
    if answers is None:
        raise InputError(
            "--oracle chooses by target labels, and the target has none that match the source's classes. Leave it out."
        )
    names = [row["method"] for row in adapted.fitted.selection.candidates if "method" in row]
    chosen = adapted.fitted.selection.chosen.get("method", adapted.fitted.method)
    # Candidates must not find each other's checkpoints.
    task, accuracy = replace(adapted.task, workdir=None), {}
    known = {"source-only": adapted.source_only, chosen: adapted.fitted}
    for name in dict.fromkeys(["source-only", *names, chosen]):
        fitted = known[name] if name in known else method_class(name)().fit(task)
        answered = fitted.head.predict(adapted.task.embed(adapted.held, fitted.backbone).features)
        accuracy[name] = float((answered == answers.y).mean())
    best = max(accuracy, key=lambda name: accuracy[name])
    return {
        "oracle": True,
        "accuracy": accuracy,
        "best": best,
        "chosen": chosen,
        "gap": accuracy[best] - accuracy[chosen],
    }
