"""What adapting was worth, overall and by class, from labels that took no part in it."""

from __future__ import annotations

import numpy as np

from transferium.evaluation.adapted import adaptation_result, answers_for


def sure_of(guess: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[guess] * 0.8 + 0.2 / classes


def test_a_class_that_gained_and_one_that_lost_are_told_apart() -> None:
    y = np.repeat([0, 1, 2], 60)
    before, after = y.copy(), y.copy()
    before[:40] = 1  # source only misses most of class 0
    after[60:100] = 0  # the adapted model misses most of class 1
    worth = adaptation_result(
        answers_for(y, ["a", "b", "c"], ["a", "b", "c"]), sure_of(after, 3), sure_of(before, 3), method="m", seed=0
    )
    assert [row["word"] for row in worth.by_class] == ["helped", "hurt", "no evidence"]
    assert worth.by_class[0]["before"] == 1 / 3 and worth.by_class[0]["after"] == 1.0
    assert worth.verdict.word == "no evidence" and "source only" in worth.verdict.sentence


def test_helped_and_hurt_change_places_with_the_models() -> None:
    y = np.repeat([0, 1], 50)
    wrong = np.where(np.arange(100) % 3 == 0, 1 - y, y)
    answers = answers_for(y, ["a", "b"], ["a", "b"])
    words = [
        adaptation_result(answers, sure_of(a, 2), sure_of(b, 2), method="m", seed=0).verdict.word
        for a, b in ((y, wrong), (wrong, y))
    ]
    assert words == ["helped", "hurt"]


def test_classes_that_only_the_target_has_count_as_mistakes() -> None:
    answers = answers_for(np.array([0, 1, 1, 0]), ["a", "new"], ["a", "b"])
    assert answers.classes == ("a", "b", "new")
    p = sure_of(np.array([0, 0, 1, 0]), 2)
    worth = adaptation_result(answers, p, p, method="m", seed=0)
    assert worth.evaluation.accuracy.value == 0.5
    assert {row["class"]: row["word"] for row in worth.by_class} == dict.fromkeys("ab", "too few examples") | {
        "new": "too few examples"
    }


def test_a_model_that_is_right_more_often_but_too_sure_is_said_to_be() -> None:
    y = np.repeat([0, 1], 100)
    before, after = (np.where(np.arange(200) % k == 0, 1 - y, y) for k in (3, 5))
    answers = answers_for(y, ["a", "b"], ["a", "b"])
    wild = np.clip(np.eye(2)[after], 1e-9, 1 - 1e-9)
    said = adaptation_result(answers, wild, sure_of(before, 2), method="m", seed=0).verdict
    assert said.word == "helped"
    wrong = np.array([(after != y).mean(), (before != y).mean()])
    ours, theirs = -wrong * np.log([1e-9, 0.1]) - (1 - wrong) * np.log([1 - 1e-9, 0.9])
    told = f"Its confidence is less to be trusted than source only's: log-loss {ours:.3g}, source only's {theirs:.3g}."
    assert said.sentence.endswith(told)
    calm = adaptation_result(answers, sure_of(after, 2), sure_of(before, 2), method="m", seed=0).verdict
    assert "confidence" not in calm.sentence
