"""A choice can be printed and written down."""

from __future__ import annotations

import json

from transferium.selection.selection import Selection


def test_the_sentence_names_choice_rule_data_and_notes() -> None:
    made = Selection(
        "smallest out-of-fold log-loss",
        "5 folds",
        [{"C": 0.1}, {"C": 3.16227766}],
        {"C": 3.16227766},
        ("the grid grew",),
    )
    assert str(made) == "C = 3.162 of 2 candidates, by smallest out-of-fold log-loss on 5 folds; the grid grew"


def test_json_holds_everything() -> None:
    made = Selection("r", "d", ({"C": 1.0, "log_loss": [0.1, 0.2]},), {"C": 1.0})
    assert json.loads(json.dumps(made.to_json())) == {
        "rule": "r",
        "data": "d",
        "candidates": [{"C": 1.0, "log_loss": [0.1, 0.2]}],
        "chosen": {"C": 1.0},
        "notes": [],
    }
    assert str(made).startswith("C = 1 of 1 candidate, by r")
