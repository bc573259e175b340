"""Classes that a model has given up are said; honest shares are not."""

from __future__ import annotations

import numpy as np

from transferium.evaluation.collapse import collapse

NAMES = ("art", "bus", "cat", "dog", "elk", "fox", "gnu")
EQUAL = np.full(7, 1 / 7)


def test_classes_that_are_never_answered_and_one_that_takes_most_are_named() -> None:
    answered = np.repeat([0, 1, 2, 3, 4], [440, 90, 80, 50, 40])
    said = collapse(answered, NAMES, EQUAL)
    assert said.startswith(
        "source only never answers 2 of 7 classes ('fox', 'gnu'), and answers 'art' for 62.9 % (14.3 %"
    )
    assert said.endswith("label some target examples and give them by --few")


def test_answers_like_the_source_are_no_collapse() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert not collapse(rng.choice(7, 300), NAMES, EQUAL)
    mostly = np.array([0.9, 0.1])
    assert not collapse(np.repeat([0, 1], [190, 10]), ("no", "yes"), mostly), "a rare class may be rarely answered"


def test_of_a_few_answers_nothing_is_said() -> None:
    assert not collapse(np.zeros(5, np.int64), NAMES, EQUAL)
    assert not collapse(np.zeros(0, np.int64), NAMES, EQUAL)


def test_without_the_sources_shares_equal_ones_are_taken_and_none_is_told() -> None:
    said = collapse(np.zeros(200, np.int64), ("a", "b", "c"), None)
    assert "never answers 2 of 3 classes ('b', 'c'), and answers 'a' for 100.0 %: unless" in said


def test_of_many_missing_classes_a_few_are_named() -> None:
    said = collapse(np.zeros(700, np.int64), NAMES, EQUAL)
    assert said.startswith(
        "source only never answers 6 of 7 classes ('bus', 'cat', 'dog', 'elk', 'fox' and 1 more), and"
    )
