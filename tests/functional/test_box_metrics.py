"""Average precision of boxes against cases worked out by hand, and what is wrong with an answer."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.functional.boxes.box_mistakes import mistakes
from transferium.functional.boxes.overlaps import overlaps, suppressed
from transferium.functional.boxes.places import assigned, places
from transferium.functional.boxes.views import WHOLE, boxes_seen, windows
from transferium.functional.metrics.box_metrics import box_statistics, matches

ONE = np.ones((1, 2))
LEFT, RIGHT = (0.0, 0.0, 0.4, 1.0), (0.5, 0.0, 1.0, 1.0)


def _labels(*pictures: list[tuple[float, ...]]) -> list[np.ndarray]:
    return [np.array([(0.0, *box) for box in boxes]).reshape(-1, 5) for boxes in pictures]


def _answers(*pictures: list[tuple[tuple[float, ...], float]]) -> list[np.ndarray]:
    return [np.array([(0.0, *box, score) for box, score in found]).reshape(-1, 6) for found in pictures]


def _figures(labels: list[np.ndarray], answers: list[np.ndarray], times: np.ndarray = ONE) -> dict[str, np.ndarray]:
    return box_statistics(matches(labels, answers, 1))(times)


def test_the_true_boxes_are_perfect_and_none_are_nothing() -> None:
    labels = _labels([LEFT], [RIGHT])
    right = _figures(labels, _answers([(LEFT, 0.9)], [(RIGHT, 0.8)]))
    assert [float(right[name][0]) for name in ("ap", "ap50", "ar")] == [1.0, 1.0, 1.0]
    nothing = _figures(labels, _answers([], []))
    assert [float(nothing[name][0]) for name in ("ap", "ap50", "ar")] == [0.0, 0.0, 0.0]


def test_precision_is_read_at_101_recalls() -> None:
    """The surest answer is wrong: precision is at most 1/2 up to recall 1/2, and 2/3 at recall 1 (and before it)."""
    labels = _labels([LEFT], [RIGHT])
    found = _figures(labels, _answers([(RIGHT, 0.9), (LEFT, 0.8)], [(RIGHT, 0.7)]))
    assert found["ap50"][0] == pytest.approx(2 / 3)
    half = _figures(labels, _answers([(LEFT, 0.9)], []))
    assert half["ap50"][0] == pytest.approx(51 / 101), "recalls 0, 0.01, … 0.50 are reached, with precision 1"
    assert half["ar"][0] == 0.5


def test_a_box_is_found_once_and_by_enough_overlap() -> None:
    narrow = (0.0, 0.0, 0.3, 1.0)  # overlap 0.75 with LEFT
    found = _figures(_labels([LEFT], []), _answers([(narrow, 0.9), (LEFT, 0.8)], []))
    assert found["ap50"][0] == 1.0, "the second answer is wrong, and comes after all is found"
    assert found["ap75"][0] == pytest.approx(1.0), "0.75 is enough for 0.75"
    assert found["ap"][0] == pytest.approx((6 * 1 + 4 * 0.5) / 10), "above it the surer answer is wrong"


def test_an_overlap_below_a_level_is_none_for_it() -> None:
    narrow = (0.0, 0.0, 0.29, 1.0)  # overlap 0.725 with LEFT
    found = _figures(_labels([LEFT], []), _answers([(narrow, 0.9)], []))
    assert (found["ap50"][0], found["ap75"][0]) == (1.0, 0.0)
    assert found["ap"][0] == found["ar"][0] == pytest.approx(0.5), "0.50, 0.55, 0.60, 0.65 and 0.70 of ten levels"


def test_only_the_surest_hundred_answers_of_a_picture_count() -> None:
    nearly = [(RIGHT, 1 - i / 1000) for i in range(99)]
    assert _figures(_labels([LEFT], []), _answers([*nearly, (LEFT, 0.1)], []))["ap50"][0] == pytest.approx(1 / 100)
    assert _figures(_labels([LEFT], []), _answers([*nearly, (RIGHT, 0.2), (LEFT, 0.1)], []))["ap50"][0] == 0


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    labels = _labels(*([LEFT, RIGHT][: k % 3] for k in range(6)))
    answers = _answers(*([(LEFT, draw.random()), (RIGHT, draw.random())] for _ in labels))
    times = draw.integers(0, 3, (9, 6)).astype(float)
    whole = _figures(labels, answers, times)
    monkeypatch.setattr("transferium.functional.metrics.box_metrics.CELLS", 4 * 12)
    blocks = _figures(labels, answers, times)
    assert whole.keys() == blocks.keys()
    assert all(np.array_equal(whole[name], blocks[name], equal_nan=True) for name in whole)


def test_counts_of_pictures_are_as_if_they_were_written_several_times() -> None:
    draw = np.random.default_rng(0)
    labels = _labels(*([tuple(np.sort(draw.random((2, 2)), axis=0).ravel()) for _ in range(k % 3)] for k in range(8)))
    answers = _answers(
        *([(tuple(np.clip(row[1:] + draw.normal(0, 0.05, 4), 0, 1)), draw.random()) for row in one] for one in labels)
    )
    times = draw.integers(0, 3, 8)
    several = [i for i, n in enumerate(times) for _ in range(n)]
    one = _figures(labels, answers, times[None].astype(float))
    other = _figures([labels[i] for i in several], [answers[i] for i in several], np.ones((1, len(several))))
    for name in ("ap", "ap50", "ar"):
        assert one[name] == pytest.approx(other[name])


def test_pictures_without_boxes_only_bring_wrong_answers() -> None:
    clean = _figures(_labels([LEFT], []), _answers([(LEFT, 0.5)], []))
    false = _figures(_labels([LEFT], []), _answers([(LEFT, 0.5)], [(LEFT, 0.9)]))
    assert clean["ap50"][0] == 1.0 and false["ap50"][0] == 0.5
    assert np.isnan(_figures(_labels([], []), _answers([(LEFT, 0.9)], []))["ap"][0])


def test_an_answer_is_right_twice_or_somewhere_else() -> None:
    label = np.array([(0.0, *LEFT), (1.0, *RIGHT)])
    far = (0.35, 0.0, 0.62, 1.0)
    answer = np.array([(0, *LEFT, 0.9), (0, *LEFT, 0.8), (0, *RIGHT, 0.7), (0, *far, 0.6), (0, 0.41, 0, 0.49, 1, 0.5)])
    kinds, found = mistakes(label, answer)
    assert kinds == ["right", "twice", "wrong class", "wrong place", "nothing there"]
    assert found.tolist() == [True, False]


def test_overlap_does_not_depend_on_the_unit() -> None:
    boxes = np.array([LEFT, RIGHT, (0.2, 0.3, 0.9, 0.5)])
    pixels = boxes * np.tile([640, 480], 2)
    assert np.allclose(overlaps(boxes, boxes), overlaps(pixels, pixels))
    assert np.allclose(np.diag(overlaps(boxes, boxes)), 1)


def test_the_surest_of_boxes_over_one_another_stays() -> None:
    boxes = np.array([LEFT, (0.0, 0.0, 0.39, 1.0), RIGHT])
    assert suppressed(boxes, np.array([0.5, 0.9, 0.1]), 10).tolist() == [1, 2]
    assert suppressed(boxes, np.array([0.5, 0.9, 0.1]), 1).tolist() == [1]


def test_places_answer_for_the_box_around_them() -> None:
    where = places(10)
    label = np.array([(0, 0.05, 0.05, 0.95, 0.95), (1, 0.4, 0.4, 0.5, 0.5)])
    row = assigned(label, where)
    assert set(row) == {-1, 0, 1}
    assert (where.stride[row == 0] == 0.1).all() and (where.stride[row == 1] == 0.05).all(), "each in its level"
    inside = where.middles[row == 1]
    assert (np.abs(inside - 0.45) < 0.05).all()
    assert (assigned(np.empty((0, 5)), where) == -1).all()


def test_views_move_boxes_with_the_picture() -> None:
    label = np.array([(0, 0.25, 0.25, 0.5, 0.75)])
    assert boxes_seen(label, WHOLE, mirrored=False).tolist() == label.tolist()
    assert boxes_seen(label, (0.25, 0.25, 0.75, 0.75), mirrored=False)[0, 1:].tolist() == [0, 0, 0.5, 1]
    assert len(boxes_seen(label, (0.49, 0.0, 1.0, 1.0), mirrored=False)) == 0, "hardly any of it is left"
    drawn = windows(8, 0)
    assert drawn[:2] == [(WHOLE, False), (WHOLE, True)] and drawn == windows(8, 0) and drawn[2:] != windows(8, 1)[2:]
