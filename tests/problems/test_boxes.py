"""The problem of boxes: cells, joining, matching, figures with intervals, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from transferium.errors import DataError
from transferium.functional.sequences.ragged import ragged
from transferium.problems.boxes import Boxes, Placed
from transferium.problems.catalogue import problem_from_json

CAT, DOG = Placed("cat", 0.0, 0.0, 0.5, 1.0), Placed("dog", 0.5, 0.0, 1.0, 1.0)
LABELS, PROBLEM = Boxes.read([[CAT, DOG], [], [DOG]], "boxes")


class _Sides:
    def sides(self, _index: int) -> tuple[int, int]:
        return 200, 100


def _sure(labels: np.ndarray, score: float) -> np.ndarray:
    return ragged(np.column_stack([label, np.full(len(label), score)]) for label in labels)


def test_boxes_are_read_and_written() -> None:
    assert PROBLEM.names == ("cat", "dog") and PROBLEM.counts(LABELS) == {"cat": 1, "dog": 2}
    assert json.loads(PROBLEM.cells(LABELS, _Sides())[0])[0] == {"label": "cat", "box": [0.0, 0.0, 100.0, 100.0]}
    values = PROBLEM.values(_sure(LABELS, 0.75), _Sides())
    assert values[2] == [{"label": "dog", "box": [100.0, 0.0, 200.0, 100.0], "score": 0.75}]
    assert PROBLEM.values(_sure(LABELS, 0.4), _Sides()) == [[], [], []], "unsure boxes are no answer"
    assert problem_from_json(PROBLEM.to_json()) == PROBLEM
    assert PROBLEM.strata(LABELS).tolist() == [1, 0, 2], "by the rarest class, and pictures without"


def test_a_picture_that_could_not_be_read_has_no_answer() -> None:
    outputs = _sure(LABELS, 0.75)
    outputs[0] = np.nan
    assert PROBLEM.values(outputs, _Sides())[0] is None and PROBLEM.answers(outputs, _Sides())[0] == ""


def test_classes_are_joined_and_matched_by_name() -> None:
    labels, other = Boxes.read([[DOG]], "others")
    assert PROBLEM.joined([Boxes(("bee",))]).names == ("bee", "cat", "dog")
    assert PROBLEM.match(labels, other, "others")[0][0, 0] == 1
    with pytest.raises(DataError, match="boxes of the class 'dgo', which this model was not trained on"):
        PROBLEM.match(*Boxes.read([[Placed("dgo", 0, 0, 1, 1)]], "x"), "others")


def test_figures_have_intervals_and_mistakes_are_counted() -> None:
    right = PROBLEM.evaluate(LABELS, _sure(LABELS, 0.9), seed=0)
    assert right["ap50"].value == right["box_recall"].value == 1 and right.as_dict()["mistakes"]["right"] == 3
    assert [row["class"] for row in right.as_dict()["per_class"]] == ["cat", "dog"]
    none = PROBLEM.evaluate(LABELS, PROBLEM.alike(LABELS, LABELS), seed=0)
    assert none["ap"].value == 0 and none.mistakes["missed"] == 3
    gain = PROBLEM.compare(LABELS, _sure(LABELS, 0.9), PROBLEM.alike(LABELS, LABELS), seed=0)
    assert gain.value == 1 and PROBLEM.merit(LABELS, _sure(LABELS, 0.9)) == 1
    assert PROBLEM.missed(LABELS, PROBLEM.alike(LABELS, LABELS)).tolist() == [2, 0, 1]


def test_without_a_true_box_there_is_no_average_precision() -> None:
    empty = ragged([np.empty((0, 5))] * 2)
    found = PROBLEM.evaluate(empty, _sure(empty, 0.9), seed=0)
    assert found.metrics["ap"] is None and "no true box" in found.reasons["ap"]
    with pytest.raises(DataError, match="holds no box at all"):
        PROBLEM.check_learnable(empty, "'data'")


def test_labels_of_other_examples_are_refused() -> None:
    with pytest.raises(DataError, match="boxes are labels of pictures: give pictures"):
        Boxes.read(["cat", "dog"], "label=")
