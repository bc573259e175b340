"""The adapted network trained without the target, as a third model where source only is another kind of model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.evaluation.adapted import Answers
from transferium.functional.bootstrap import paired_interval
from transferium.job.adapt.fit import Adapted
from transferium.methods.fitted import Fitted
from transferium.methods.model_selection.election import kept_in


def same_learner_alone(adapted: Adapted) -> Fitted | None:
    """A named network over frozen features, trained once more without the target; None where source only is that.

    Beside a finished model there is none to train, and beside an election none is asked for.
    """
    method = adapted.method.same_learner()
    if method is None or adapted.model is not None or not adapted.method.adapts(adapted.task):
        return None
    return method.adapt(kept_in(replace(adapted.task, target=None), "source-network"))


def whose_doing(word: str, answers: Answers, ours: NDArray[Any], without_target: NDArray[Any], seed: int) -> str:
    """The end of the sentence of a verdict ``word`` against source only: it says where the learner made the difference.

    ``ours`` and ``without_target`` are probabilities of the adapted network and of the same without the target.
    """
    right = [np.asarray(p.argmax(axis=1) == answers.y) for p in (ours, without_target)]
    change = paired_interval(right[0], right[1], seed=seed, groups=answers.groups)
    if (word == "helped" and change.low > 0) or (word == "hurt" and change.high < 0) or word not in ("helped", "hurt"):
        return ""
    does, part = ("as well", "gain") if word == "helped" else ("no better", "loss")
    return (
        f" But the same network without the target does {does} (the target is worth {100 * change.value:+.1f} points, "
        f"95% interval {100 * change.low:.1f} to {100 * change.high:.1f} points): the {part} is the learner's."
    )
