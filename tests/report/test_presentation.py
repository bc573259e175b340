"""The page of every kind of problem: its own figures, in its own unit, the better way up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from transferium.errors import InputError
from transferium.problems.catalogue import PROBLEMS
from transferium.problems.multi_label import SEPARATOR, MultiLabel
from transferium.problems.regression import Regression
from transferium.report.choice import choice
from transferium.report.gallery import gallery
from transferium.report.mistakes import output_lines
from transferium.report.page import render, view
from transferium.report.presentation import MULTI_LABEL, PRESENTATIONS, REGRESSION
from transferium.report.schema import MultiLabelMetrics, RegressionMetrics
from transferium.report.tables import difference_row, metric_groups, reference_group

Run = dict[str, Any]


def nothing(_id: str) -> None:
    return None


def words(page: str) -> str:
    """What a reader sees, without the style sheet and the drawings."""
    bare = re.sub(r"<(style|script|svg).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]*>", " ", bare).replace("&nbsp;", " "))


def test_every_problem_is_shown_by_what_it_says_of_itself() -> None:
    assert PRESENTATIONS.keys() == PROBLEMS.keys()
    for kind, shown in PRESENTATIONS.items():
        problem = PROBLEMS[kind]
        assert (shown.headline, shown.loss) == (problem.headline, problem.loss_name)
        assert shown.lower_is_better == problem.lower_is_better
        assert shown.gain(1.0) == ("+100.0" if problem.wording.scale == 100 else "+1")
        assert shown.amounts == (problem is Regression)
        assert shown.between == (SEPARATOR if problem is MultiLabel else "")
        assert {name for name, _ in problem.shown} <= set(shown.metrics)
        assert {shown.headline, *shown.tiles} <= set(shown.metrics)
        assert [bool(scale.marks) for scale in shown.scales].count(False) == 1


def test_a_run_that_does_not_say_its_problem_is_of_classes(run: Run) -> None:
    assert render(run | {"problem": "classes"}) == render(run)


def test_an_unknown_problem_and_a_missing_headline_are_said(label_run: Run, amount_run: Run) -> None:
    with pytest.raises(InputError, match=r"no problem 'multi_label'. Did you mean 'multi-label'\?"):
        render(label_run | {"problem": "multi_label"})
    with pytest.raises(InputError, match=r"needs run\['test'\]\['micro_f1'\].*it was given None"):
        render(amount_run | {"problem": "multi-label"})
    with pytest.raises(InputError, match=r"needs run\['test'\]\['mae'\].*it was given 3"):
        render(amount_run | {"test": {"mae": 3}})


def test_the_runs_keep_to_the_schema(label_run: Run, amount_run: Run) -> None:
    assert set(label_run["test"]) - {"examples"} == set(MultiLabelMetrics.__annotations__)
    assert set(amount_run["test"]) - {"examples"} == set(RegressionMetrics.__annotations__)


def test_a_page_of_several_labels_speaks_of_f1(label_run: Run) -> None:
    test, page = label_run["test"], words(render(label_run))
    figure = f"{100 * test['micro_f1']['value']:.1f}\u202f%"
    for said in (
        f"{figure} micro F1 on 80 held-out examples",
        "predicts any number of labels each",
        "Micro F1 of this model and of the references",
        "Label by label",
        "Every label right",
        "Its worst mistakes",
        "The answers with the most wrong labels come first. Open one",
        "Support is the number of held-out examples with the label.",
    ):
        assert said in page, said
    for wrong in ("ccuracy", "lass by class", "onfiden", "Can its", "–"):
        assert wrong not in page, wrong


def test_what_follows_the_worst_mistakes_is_said(label_run: Run) -> None:
    label_run["examples"] = [{"id": i, "label": "War", "predicted": i} for i in ("Drama", "War")]
    assert "most wrong labels come first, then those with every label right. Open" in words(render(label_run))


def test_labels_come_with_the_weakest_first(label_run: Run) -> None:
    lines = output_lines(label_run["test"], "label")
    assert [line.name for line in lines] == ["War", "Comedy", "Drama"]
    given = {row["label"]: row for row in label_run["test"]["per_label"]}
    assert [line.support for line in lines] == [given[line.name]["support"] for line in lines]
    assert lines[0].f1 == f"{100 * given['War']['f1']['value']:.1f}\u202f%"


def test_wrong_labels_are_a_share_and_a_loss_is_none(label_run: Run) -> None:
    groups = {group.title: group.rows for group in metric_groups(label_run["test"], MULTI_LABEL)}
    rates, shares, nats = groups.values()
    assert [row.name for row in rates][:2] == ["Micro F1", "Micro precision"]
    assert [(row.name, row.figure[-1]) for row in shares] == [("Wrong labels (Hamming loss)", "%")]
    assert [row.name for row in nats] == ["Log-loss"]
    assert list(groups) == ["Higher is better", "Lower is better", "Lower is better, in nats"]


def test_f1_stands_beside_that_of_the_references(label_run: Run) -> None:
    group, row = reference_group(label_run), difference_row(label_run)
    assert group is not None and row is not None
    assert group.title == "Micro F1, %"
    assert [r.name for r in group.rows][:2] == ["This model", "Probe"]
    assert {r.name for r in group.rows[2:]} == {"No transfer", "Label rates"}
    assert row.figure == f"{100 * label_run['difference']['value']:+.1f}"


def test_wrong_labels_come_in_their_order_and_no_label_is_said() -> None:
    given = [("a", "one|two", "one|two"), ("b", "", "one|two"), ("c", "one", ""), ("d", None, "one")]
    examples = [{"id": i, "label": label, "predicted": predicted} for i, label, predicted in given]
    shown = gallery({"problem": "multi-label", "examples": examples}, nothing)
    assert [(s.id, s.mark) for s in shown] == [("b", "✗"), ("c", "✗"), ("a", "✓"), ("d", "?")]
    assert [(s.label, s.predicted) for s in shown[:2]] == [("no label", "one | two"), ("one", "no label")]
    assert {s.confidence for s in shown} == {""}
    assert shown[1].said == "c: labelled one, predicted no label"


def test_a_page_of_amounts_has_no_percentages(amount_run: Run) -> None:
    page = words(render(amount_run))
    value = amount_run["test"]["mae"]["value"]
    for said in (
        f"{float(f'{value:.4g}'):,.0f} mean absolute error on 90 held-out examples",
        "predicts an amount each",
        "same examples, paired; above 0 is a smaller mean absolute error",
        "Mean absolute error of this model and of the references",
        "Its largest errors",
        "The largest errors come first. Open one",
        "≈",
        "off by",
        "in truth",
    ):
        assert said in page, said
    for wrong in ("ccuracy", " points ", "by class", "onfiden", "mistakes", "✗", "✓", "F1"):
        assert wrong not in page, wrong
    shares = re.findall(r"\d\u202f%", page)
    assert shares == re.findall(r"\u202fm?s \d*(\d\u202f%)", page) != [], "shares of the time alone"


def test_an_error_in_a_unit_and_r2_have_axes_of_their_own(amount_run: Run) -> None:
    test = {
        "mae": {"value": 43.1749, "low": 39.2, "high": 47.0123},
        "rmse": {"value": 55.0, "low": 50.0, "high": 60.0},
        "median_error": {"value": 30.0, "low": 20.0, "high": 40.0},
        "r2": {"value": -0.31, "low": -0.5, "high": -0.1},
    }
    unit, fit = metric_groups(test, REGRESSION)
    assert [(r.name, r.figure, r.interval) for r in unit.rows] == [
        ("Mean absolute error", "43.17", "39.2 to 47.01"),
        ("Root mean squared error", "55", "50 to 60"),
        ("Median error", "30", "20 to 40"),
    ]
    assert [(r.name, r.figure, r.interval) for r in fit.rows] == [("R²", "−0.310", "−0.500 to −0.100")]
    none = {"value": None, "low": None, "high": None, "reason": "all amounts are equal"}
    assert "R²" in words(render(amount_run | {"test": test | {"r2": none}}))


def test_the_reference_with_the_smallest_error_comes_first(amount_run: Run) -> None:
    group = reference_group(amount_run)
    assert group is not None
    assert [row.name for row in group.rows] == ["This model", "Probe", "Mean amount", "No transfer"]
    assert group.title == "Mean absolute error, lower is better"
    assert 'cx="100.00%"' not in "".join(row.chart for row in group.rows), "errors are not cut off at 1"


def test_a_gain_is_written_in_the_unit_of_the_amounts(amount_run: Run) -> None:
    row = difference_row(amount_run | {"difference": {"value": -4.25, "low": -9.0, "high": 0.5}})
    assert row is not None
    assert (row.figure, row.interval) == ("−4.25", "−9 to +0.5")


def test_the_largest_errors_come_first() -> None:
    given = [("near", "10.0", "10.5"), ("far", "-3.0", "1234.56789"), ("unknown", None, "2.0"), ("below", "7.0", "2.0")]
    examples = [{"id": i, "label": label, "predicted": predicted} for i, label, predicted in given]
    shown = gallery({"problem": "regression", "examples": examples}, nothing)
    assert [s.id for s in shown] == ["far", "below", "near", "unknown"]
    assert [s.off for s in shown] == ["off by 1,238", "off by 5", "off by 0.5", ""]
    assert [s.missed for s in shown] == [True, True, True, False]
    assert shown[0].said == "far: labelled −3, predicted 1,235, off by 1,238"
    assert shown[3].said == "unknown: predicted 2"


def test_candidates_of_amounts_are_drawn_by_their_squared_error(amount_run: Run) -> None:
    found = choice(amount_run["selection"], REGRESSION)
    assert found is not None
    assert "Squared error over folds against C, 2 candidates." in found.chart
    assert choice(amount_run["selection"]).chart == ""


@pytest.mark.parametrize("problem", ["label_run", "amount_run"])
def test_parts_that_only_classes_have_are_left_out(request: pytest.FixtureRequest, problem: str) -> None:
    shown = view(request.getfixturevalue(problem), nothing)
    assert (shown["confusion"], shown["reliability"], shown["attacked"], shown["domains"]) == (None, "", None, None)
    assert [tile.name for tile in shown["tiles"]] == (
        ["F1, mean over labels", "Every label right"] if problem == "label_run" else ["Root mean squared error", "R²"]
    )
