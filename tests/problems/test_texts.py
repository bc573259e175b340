"""Texts as a problem: read, written again, measured as the field measures them, and compared."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from transferium.data.doctor.doctor import diagnose
from transferium.data.doctor.scan import scan
from transferium.data.read import read
from transferium.errors import DataError
from transferium.functional.sequences.ragged import ragged
from transferium.problems.catalogue import OF_EXAMPLES, problem_from_json, read_labels
from transferium.problems.texts import Transcription, Translation, signs, written

TRUE = ["Ein Hund läuft.", "Eine Katze schläft.", "Zwei Kinder spielen 中文 😀"]
both = pytest.mark.parametrize("problem", [Translation(), Transcription()])


def outputs(texts: list[str]) -> Any:
    return ragged(signs(text).astype(float) for text in texts)


@both
def test_a_text_is_written_as_it_was_read(problem: Any) -> None:
    labels, again = read_labels([f" {text} " for text in TRUE], "de", problem.kind)
    assert again == problem == problem_from_json(json.loads(json.dumps(problem.to_json())))
    assert problem.cells(labels, None) == TRUE == [*map(written, problem.predict(outputs(TRUE)))]
    assert problem.kind not in OF_EXAMPLES


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a", "", None], r"2 of 3 texts in de are missing \(rows 2, 3, counted from 1\)"),
        (["a", ["b", "c"]], r"de holds \['b', 'c'\], and a text was expected"),
    ],
)
def test_what_is_no_text_is_refused(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_labels(cells, "de", "translation")


@pytest.mark.parametrize("cells", [["a"], ["same"] * 9])
def test_one_text_alone_teaches_nothing(cells: list[str]) -> None:
    labels, problem = Translation.read(cells, "de")
    with pytest.raises(DataError, match=f"learns from examples with different texts; de holds {len(cells)} with one"):
        problem.check_learnable(labels, "de")


@both
def test_the_right_texts_are_best_and_an_unread_example_counts_as_nothing(problem: Any) -> None:
    labels, _ = problem.read(TRUE * 4, "de")
    right, wrong = outputs(TRUE * 4), outputs(["Ein Hund.", "", "Zwei"] * 4)
    best = problem.evaluate(labels, right, seed=0)[problem.headline]
    assert best.value == (0 if problem.lower_is_better else 1) == problem.merit(labels, right)
    gain = problem.compare(labels, right, wrong, seed=0)
    assert 0 < gain.low <= gain.value <= gain.high and problem.compare(labels, wrong, right, seed=0).high < 0
    assert problem.missed(labels, right).tolist() == [0] * 12 and problem.missed(labels, wrong)[1] == 1
    wrong[0] = np.nan
    assert problem.answers(wrong, None)[0] == "" and problem.values(wrong, None)[0] is None


def test_two_translations_of_one_text_are_no_contradiction() -> None:
    texts, labels = ["a dog", "a dog", "a cat"], ["ein Hund", "ein Köter", "eine Katze"]
    for problem, severity in (("translation", "note"), ("classes", "error")):
        domain = read(texts, kind="text", label=labels, problem=problem)
        (found,) = (one for one in diagnose(domain, scan(domain)).findings if one.kind == "two-labels")
        assert found.severity == severity and ("decide which is right" in found.message) == (severity == "error")


def test_the_answer_without_learning_is_the_most_frequent_text() -> None:
    labels, problem = Translation.read(["b", "a", "b", "a", "c"], "de")
    assert [*map(written, problem.alike(labels, labels[:2]))] == ["a", "a"]
