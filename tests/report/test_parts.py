"""The arithmetic behind the sections: rows, groups, pairs, order and pictures."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferium.report.choice import choice, score_with_spread, training_curves
from transferium.report.gallery import MOST_EXAMPLES, SIDE, gallery, thumbnail
from transferium.report.mistakes import MOST_CLASSES, MOST_PAIRS, confusion, output_lines
from transferium.report.tables import difference_row, metric_groups, reference_group

Maker = Callable[..., dict[str, Any]]


def test_each_kind_of_metric_has_an_axis_of_its_own(run: dict[str, Any]) -> None:
    run["test"]["kappa"] = {"value": 0.8, "low": 0.7, "high": 0.9}
    rates, losses, errors = metric_groups(run["test"])
    assert rates.rows[0].name == "Accuracy"
    assert rates.rows[-1].name == "Kappa"
    assert [row.name for row in losses.rows] == ["Log-loss", "Log-loss before calibration"]
    assert len(errors.rows) == 2
    assert losses.rows[0].figure == "0.171"
    assert errors.rows[0].interval == "1.6 to 4.6\u202f%"


def test_a_figure_nobody_could_compute_is_a_dash() -> None:
    nothing = {"value": None, "low": None, "high": None}
    (group,) = metric_groups({"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}, "roc_auc": nothing})
    assert (group.rows[1].figure, group.rows[1].interval) == ("–", "")
    assert "<circle" not in group.rows[1].chart


def test_ours_stands_first_and_the_references_from_the_best_down(run: dict[str, Any]) -> None:
    group = reference_group(run)
    assert group is not None
    assert [row.name for row in group.rows] == ["This model", "Nearest class mean", "No transfer", "Majority class"]
    assert [row.ours for row in group.rows] == [True, False, False, False]
    assert reference_group(run | {"references": {"odd": {}}}) is None


def test_a_gain_is_written_in_points(run: dict[str, Any]) -> None:
    row = difference_row(run)
    assert row is not None
    assert (row.figure, row.interval) == ("+31.4", "+23.5 to +39.2")
    assert difference_row(run | {"difference": {"value": None, "low": None, "high": None}}) is None


def test_a_gain_over_a_rival_that_only_its_method_knows(run: dict[str, Any]) -> None:
    row = difference_row(run | {"rivals": {"decided_by": "last_year"}})
    assert row is not None and row.name == "Gain over last year"


def test_a_matrix_is_read_by_rows(run_of: Maker) -> None:
    test = {"classes": ["a", "b"], "confusion": [[8, 2], [5, 0]]}
    found = confusion(test)
    assert found is not None
    assert (found.mistakes, found.total) == (7, 15)
    name, cells, whole = found.rows[0]
    assert (name, whole, cells[0].right, cells[1].share) == ("a", 10, True, 0.2)
    assert cells[1].title == "2 of 10 a predicted as b (20\u202f%)"
    assert [(p.label, p.predicted, p.count) for p in found.pairs] == [("b", "a", 5), ("a", "b", 2)]


@pytest.mark.parametrize("k", [2, MOST_CLASSES, MOST_CLASSES + 1, 120])
def test_many_classes_give_pairs_in_place_of_a_matrix(run_of: Maker, k: int) -> None:
    found = confusion(run_of([f"c{i}" for i in range(k)], per_class=20)["test"])
    assert found is not None
    assert len(found.rows) == (k if k <= MOST_CLASSES else 0)
    assert len(found.pairs) <= MOST_PAIRS
    assert [p.count for p in found.pairs] == sorted((p.count for p in found.pairs), reverse=True)


def test_classes_are_named_even_where_only_the_matrix_is_known() -> None:
    found = confusion({"confusion": [[1, 0], [0, 0]]})
    assert found is not None
    assert found.classes == ["0", "1"]
    assert found.rows[1][1][0].share == 0.0, "a class without examples divides by nothing"


def test_the_weakest_class_comes_first() -> None:
    interval = {"value": 0.25, "low": 0.2, "high": 0.3}
    rows = [{"class": "good", "f1": 0.9, "support": 3}, {"class": "weak", "f1": interval, "support": 4}]
    assert [(line.name, line.f1) for line in output_lines({"per_class": rows})] == [
        ("weak", "25.0\u202f%"),
        ("good", "90.0\u202f%"),
    ]


def test_confident_mistakes_first_then_unsure_right_answers() -> None:
    given = [
        ("right sure", "a", 0.99),
        ("wrong unsure", "b", 0.51),
        ("right unsure", "a", 0.52),
        ("wrong sure", "b", 0.98),
    ]
    examples = [{"id": n, "label": "a", "predicted": p, "confidence": c, "text": n} for n, p, c in given]
    shown = gallery({"examples": examples}, lambda _id: None)
    assert [s.id for s in shown] == ["wrong sure", "wrong unsure", "right unsure", "right sure"]
    assert shown[0].said == "wrong sure: labelled a, predicted b with 98\u202f% confidence"
    assert [s.right for s in shown] == [False, False, True, True]


def test_examples_nobody_labelled_are_neither_right_nor_wrong() -> None:
    (shown,) = gallery(
        {"examples": [{"id": "x", "label": None, "predicted": "a", "confidence": 0.7}]}, lambda _id: "words"
    )
    assert (shown.right, shown.text, shown.image) == (None, "words", None)
    assert shown.said == "x: predicted a with 70\u202f% confidence"


def test_at_most_two_dozen_contents_are_fetched() -> None:
    asked: list[str] = []
    examples = [{"id": str(i), "label": "a", "predicted": "b", "confidence": i / 100} for i in range(90)]
    gallery({"examples": examples}, asked.append)
    assert asked == [str(i) for i in range(89, 89 - MOST_EXAMPLES, -1)]


def unpacked(uri: str | None) -> Any:
    from PIL import Image

    assert uri is not None
    head, body = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_a_thumbnail_is_a_small_jpeg_of_the_same_picture(shared_data: Callable[[str], Path]) -> None:
    from PIL import Image

    file = sorted((shared_data("hymenoptera") / "val" / "ants").glob("*.jpg"))[0]
    uri, size = thumbnail(file.read_bytes())
    small = unpacked(uri)
    assert small.size == size
    assert max(size) == SIDE
    with Image.open(file) as whole:
        assert size[0] / size[1] == pytest.approx(whole.width / whole.height, rel=0.01)
        red = sum(whole.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    assert red == pytest.approx(sum(small.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))), abs=6)
    assert len(uri or "") < 80_000


def test_a_tiny_picture_is_enlarged_without_blur() -> None:
    from PIL import Image

    uri, size = thumbnail(Image.new("RGB", (8, 8), (10, 200, 30)))
    assert size == (104, 104)
    assert unpacked(uri).getpixel((50, 50)) == pytest.approx((10, 200, 30), abs=4)


def test_an_unreadable_picture_leaves_its_name() -> None:
    (shown,) = gallery(
        {"examples": [{"id": "half.jpg", "label": "a", "predicted": "b", "confidence": 0.9}]}, lambda _id: b"\xff\xd8no"
    )
    assert (shown.image, shown.text) == (None, None)


def test_the_candidates_are_listed_and_the_chosen_one_is_marked(run: dict[str, Any]) -> None:
    found = choice(run["selection"])
    assert found is not None
    assert found.columns == ["C", "Log loss", "Accuracy"]
    assert [picked for picked, _ in found.rows].index(True) == 7
    assert 'class="candidate chosen"' in found.chart


def test_candidates_that_are_no_path_are_listed_alone() -> None:
    tried = [{"method": "probe", "accuracy": [0.9, 0.8]}, {"method": "finetune", "accuracy": None}]
    found = choice({"rule": "best", "data": "val", "candidates": tried, "chosen": {"method": "probe"}})
    assert found is not None
    assert found.chart == ""
    assert found.rows == [(True, ["probe", "0.9000, 0.8000"]), (False, ["finetune", "–"])]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"s": 1.0}, (1.0, 1.0, 1.0)),
        ({"s": {"value": 1.0, "low": 0.5, "high": 2.0}}, (1.0, 0.5, 2.0)),
        ({"s": {"mean": 1.0, "std": 0.25}}, (1.0, 0.75, 1.25)),
        ({"s": [1.0, 3.0]}, (2.0, 2.0 - math.sqrt(2), 2.0 + math.sqrt(2))),
        ({"s": [1.0]}, (1.0, 1.0, 1.0)),
        ({"s": []}, None),
        ({"s": float("nan")}, None),
        ({}, None),
    ],
)
def test_a_score_is_understood_however_it_was_written(given: dict[str, Any], expected: Any) -> None:
    found = score_with_spread(given, "s")
    assert found == (None if expected is None else pytest.approx(expected))


def test_training_and_validation_share_a_chart() -> None:
    history = [
        {"epoch": e, "train_loss": 1 / e, "val_loss": 2 / e, "val_accuracy": e / 9, "note": "x"} for e in (1, 2, 3)
    ]
    assert [(c.title, c.names) for c in training_curves(history)] == [
        ("Loss", ["Train loss", "Val loss"]),
        ("Accuracy", ["Val accuracy"]),
    ]
    assert training_curves(history[:1]) == []
    assert training_curves([{"loss": 1.0}, {"loss": 2.0}]) == []
