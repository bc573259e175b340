"""How much better a model is on what it learned from than on what it did not."""

from __future__ import annotations

from typing import Any

from transferium.errors import DataError
from transferium.evaluation.sides.looked import Looked
from transferium.functional.bootstrap import difference_of


def train_test_gap(looked: Looked) -> dict[str, Any]:
    """The headline figure on the examples that were learned from and on the others, and by how much it is worse there.

    The two are independent samples. Raises ``DataError`` where one of the two is not among what was given.
    """
    looked.need_fresh("the gap")
    if looked.train is None:
        known = "the model keeps no hashes of what it learned from" if not looked.model.learned.complete else ""
        raise DataError(known or "none of the examples that were learned from is among these: give all of the data")
    problem = looked.problem
    train, held = (looked.measured(seen)[problem.headline] for seen in (looked.train, looked.held))
    gap = difference_of(held, train) if problem.lower_is_better else difference_of(train, held)
    return {
        "figure": problem.headline,
        "train": train.as_dict(),
        "held_out": held.as_dict(),
        "gap": gap.as_dict(),
        "train_examples": len(looked.train),
        "held_out_examples": len(looked.held),
    }
